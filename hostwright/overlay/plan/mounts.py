"""What is to be done for overlays to be as they are wished."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import fill

from hostwright.base.refusal import Refusal, Refusals
from hostwright.base.shown import shown
from hostwright.base.verbs import Verb
from hostwright.overlay.facts import Holder, HostOverlays, Overlay
from hostwright.overlay.plan import checks
from hostwright.overlay.plan.options import difference, shown_options
from hostwright.overlay.plan.written import (
    Wanted,
    as_before,
    flags,
    fstab_line,
    layers,
    options,
    unit,
    wanted,
    wanted_by,
)
from hostwright.overlay.settings import OverlayMount
from hostwright.overlay.verbs import (
    ChangeLine,
    MakeDirectory,
    Mount,
    Remount,
    RemoveUnit,
    Replace,
    TidyFstab,
    Unmount,
    WriteUnit,
)


@dataclass(frozen=True)
class OverlayPlan:
    """
    + unmounted: targets that are unmounted, by the names that they have in the data
    """

    steps: tuple[Verb, ...]
    unmounted: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        return bool(self.steps)


def decide(found: HostOverlays, wishes: Sequence[OverlayMount]) -> OverlayPlan:
    _refuse(checks.before_all(found, wishes))
    several: list[Wanted] = []
    for wish in wishes:
        several.append(wanted(found, wish, several))
    _refuse(checks.between(several))
    refused: list[Refusal] = []
    steps: list[Verb] = [TidyFstab("remove what a lost run left beside /etc/fstab") for _ in found.leftovers[:1]]
    unmounted: dict[str, str] = {}
    notes: list[str] = []
    gone: set[str] = set()
    coming: list[str] = []
    for one in several:
        # What goes before it in this run is in nobody's way.
        left = replace(found, overlays=tuple(other for other in found.overlays if other.point not in gone))
        wrong = [*checks.of_target(left, one.wish, one)]
        running = left.overlays_at(one.target)
        if one.wish.present:
            wrong += checks.of_layers(left, one.wish, one, coming)
            wrong += checks.hides(left, one.wish, one)
            coming.append(one.target)
        refused += wrong
        if wrong:
            continue
        own = _present(left, one) if one.wish.present else _absent(one, running)
        if any(isinstance(step, (Replace, Unmount)) for step in own):
            refused += checks.can_go(left, one)
            refused += checks.comes_back(one, running[-1]) if one.wish.present else ()
            unmounted[one.target] = one.name
        if not one.wish.present:
            gone.add(one.target)
        own += _boot(left, one)
        steps += own
        if own and not one.wish.present:
            notes.append(f"{one.name}: its layers and the target stay as they are")
    _refuse(refused)
    return OverlayPlan(tuple(steps), unmounted, tuple(notes))


def _refuse(refused: "Iterator[Refusal] | list[Refusal]") -> None:
    if several := list(refused):
        raise Refusals(several)


def _present(found: HostOverlays, one: Wanted) -> list[Verb]:
    running = found.overlays_at(one.target)
    steps: list[Verb] = []
    for kind, path in (("work", one.wish.work), ("upper", one.wish.upper)):
        if path and not found.places[path].exists:
            like = one.lowers[0] if kind == "upper" else None
            said = f"make {kind} {path}{f', with owner, mode and ACL of {one.wish.lower[0]}' if like else ''}"
            steps.append(MakeDirectory(f"{one.name}: {said}", found.places[path].real, like))
    if not found.places[one.wish.target].exists:
        steps.append(MakeDirectory(f"{one.name}: make the target", one.target))
    writable = "yes" if one.upper and "ro" not in one.generic else None
    made_of, must = layers(one.lowers, one.upper, one.work), ",".join(shown_options(found, one)) or None
    if not running:
        where = f", writes go to {one.upper}" if one.upper else ", read-only"
        said = f" ({', '.join(one.wish.options)})" if one.wish.options else ""
        title = f"{one.name}: mount {', '.join(one.lowers)}{where}{said}"
        return [*steps, Mount(title, one.target, options(one), made_of, must, writable)]
    here = difference(found, one, running[-1])
    if here.anew:
        title = f"{one.name}: unmount it, and mount it anew: {'; '.join((*here.anew, *here.generic))}"
        back = (*as_before(running[-1]), _incompat(running[-1]))
        return [*steps, Replace(title, one.target, options(one), made_of, must, writable, *back)]
    if here.generic:
        return [*steps, Remount(f"{one.name}: remount it: {', '.join(here.generic)}", one.target, flags(one))]
    return steps


def _incompat(running: Overlay) -> str | None:
    return f"{running.work}/work/incompat/volatile" if "volatile" in running.options else None


def _absent(one: Wanted, running: Sequence[Overlay]) -> list[Verb]:
    return [Unmount(f"{one.name}: unmount it", one.target, _incompat(running[-1]))] if running else []


def _boot(found: HostOverlays, one: Wanted) -> list[Verb]:
    """What the next boot is to find."""
    persists = one.wish.present and one.wish.persist
    steps: list[Verb] = []
    its = found.units.get(one.target)
    if its and persists:
        text, by = unit(one), wanted_by(one)
        link = f"/etc/systemd/system/{by}.wants/{its.name}"
        if its.text != text or its.wants != (link,):
            verb = "write" if its.text is None else "correct"
            steps.append(WriteUnit(f"{one.name}: {verb} {its.name}, wanted by {by}", its.name, text, by))
    elif its and (its.text is not None or its.wants):
        steps.append(RemoveUnit(f"{one.name}: remove {its.name}", its.name))
    line = fstab_line(one) if persists and not its else ""
    lines = [one_of.text for one_of in found.fstab if one_of.point == one.target and checks.is_ours(one_of)]
    if line and not lines:
        steps.append(ChangeLine(f"{one.name}: add its line to /etc/fstab", "", line))
    for number, text in enumerate(lines):
        new = line if number == 0 else ""
        if text != new:
            said = "correct its line in /etc/fstab" if new else "take its line from /etc/fstab"
            steps.append(ChangeLine(f"{one.name}: {said}", text, new))
    return steps


def check_busy(plan: OverlayPlan, holders: Mapping[str, Sequence[Holder]]) -> None:
    """Refuses where somebody uses what is to be unmounted."""
    _refuse(
        Refusal(
            f"it is in use: {'; '.join(one.words for one in some)}",
            "end or stop these, or let them leave it, and run again",
            key=plan.unmounted[target],
        )
        for target, some in holders.items()
        if some
    )


def asked(wishes: Sequence[OverlayMount]) -> dict[str, str]:
    """What is to be looked at, as `Overlays` takes it."""
    present = [wish for wish in wishes if wish.present]
    lists = {
        "targets": [wish.target for wish in wishes],
        "lowers": [path for wish in wishes for path in wish.lower],
        "uppers": [wish.upper for wish in wishes if wish.upper],
        "works": [wish.work for wish in wishes if wish.work],
        "indexed": [wish.upper for wish in present if wish.upper and {"index=on", "nfs_export=on"} & set(wish.options)],
    }
    return {name: "\n".join(paths) for name, paths in lists.items()}


def draw(host: str, plan: OverlayPlan) -> str:
    lines = [f"{host}: overlay mounts"]
    lines += [step.title for step in plan.steps] or ["nothing to change"]
    lines += [f"note: {note}" for note in plan.notes]
    first, *others = lines
    text = [fill(shown(line), 110, initial_indent="  ", subsequent_indent="      ") for line in others]
    return "\n".join([first, *text])
