"""A plan as a person would draw it, 80 columns wide, and the same for machines."""

import textwrap
from dataclasses import asdict
from typing import Any

from hostwright.lvm.plan.sizes import size_text
from hostwright.lvm.plan.steps import Layout, Plan

WIDTH = 78
BAR = 66


def draw(host: str, plan: Plan) -> str:
    lines = [f"{host}: volume group {plan.group}, {size_text(plan.before.extents * plan.before.extent_size)}"]
    if not plan.changes:
        return "\n".join([*lines, *_bar("  now  ", plan.before), "  nothing to change"])
    lines += _bar("  now  ", plan.before)
    if plan.after != plan.before:
        lines += _bar("  then ", plan.after)
    if plan.follow:
        return "\n".join([*lines, *_followed(plan)])
    if plan.method:
        lines += _wrap(f"way: {plan.method}, because {plan.reason}", "  ", "       ")
    lines += _steps(plan)
    if plan.away:
        lines += _wrap(
            f"away: about {_duration(plan.read_only)} read-only and {_duration(plan.away)} unmounted (estimated)", "  "
        )
    for note in plan.notes:
        lines += _wrap(f"note: {note}", "  ", "        ")
    return "\n".join(lines)


def draw_steps(host: str, title: str, plan: Plan) -> str:
    """A plan that has no space to show."""
    lines = [f"{host}: {title}"]
    return "\n".join(lines + (_followed(plan) if plan.follow else _steps(plan)))


def _followed(plan: Plan) -> list[str]:
    return _wrap(f"{plan.reason}: {'stop it' if plan.stop else 'follow it'}", "  ")


def as_data(plan: Plan) -> dict[str, Any]:
    """The plan in types that JSON has; without the variables, which are the script's own affair."""
    # People read it by these names.
    data = {{"method": "way"}.get(key, key): value for key, value in asdict(plan).items() if key != "variables"}
    data["steps"] = [{"title": step.title, "call": step.call} for step in plan.steps]
    data["changes"] = plan.changes
    for name in ("before", "after"):
        layout: Layout = getattr(plan, name)
        data[name]["volumes"] = dict(layout.volumes)
        data[name]["free"] = layout.free
    return data


def _steps(plan: Plan) -> list[str]:
    width = len(str(len(plan.steps)))
    lines = []
    for number, step in enumerate(plan.steps, 1):
        lines += _wrap(f"{number:>{width}}. {step.title}", "  ", " " * (width + 4))
    return lines


def _wrap(text: str, first: str, rest: str | None = None) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=first if rest is None else rest)


def _duration(seconds: int) -> str:
    if seconds < 90:
        return f"{max(seconds, 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _bar(label: str, layout: Layout) -> list[str]:
    parts = [*layout.volumes, *([("free", layout.free)] if layout.free > 0 else [])]
    bar = ""
    done = 0
    for name, extents in parts:
        done += extents
        end = max(len(bar) + 2, round(done * BAR / max(layout.extents, 1)))
        fill = "." if name == "free" else "="
        bar += f"|{name[: max(end - len(bar) - 1, 0)]}".ljust(end - len(bar), fill)
    sizes = ", ".join(f"{name} {size_text(extents * layout.extent_size)}" for name, extents in parts)
    return [f"{label}{bar}|", *_wrap(sizes, " " * (len(label) + 1))]
