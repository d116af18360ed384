"""Hosts as the plans of overlays see them: an ext4 root, and a second disk on /srv/disk."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hostwright.base.settings import validated
from hostwright.overlay.facts import HostOverlays, Line, Mount, Overlay, Place, Unit, fstab_line, parse_overlay
from hostwright.overlay.plan.mounts import OverlayPlan, asked, decide
from hostwright.overlay.plan.options import default
from hostwright.overlay.plan.written import data, unit, wanted, wanted_by
from hostwright.overlay.plan.written import fstab_line as written_line
from hostwright.overlay.settings import OverlayMount, OverlaySettings

ROOT = Mount("1", "0", "254:0", "/", "ext4", "/dev/vda", read_only=False)
DISK = Mount("2", "1", "254:16", "/srv/disk", "xfs", "/dev/vdb", read_only=False)
PARAMETERS = {"index": "N", "metacopy": "N", "nfs_export": "N", "redirect_dir": "N", "redirect_always_follow": "Y"}
SITE: dict[str, Any] = {
    "target": "/srv/o/merged",
    "lower": ["/srv/o/a", "/srv/o/b"],
    "upper": "/srv/o/u",
    "work": "/srv/o/w",
}
UNIT = "srv-o-merged.mount"
ROOM = 10 * 1024**3


def wishes(*said: Mapping[str, Any]) -> tuple[OverlayMount, ...]:
    return validated(OverlaySettings, {"mounts": [dict(one) for one in said]}).mounts


def host(*said: Mapping[str, Any], missing: Sequence[str] = (), systemd: int = 252, **more: Any) -> HostOverlays:
    """With all that is named but what is missing; nothing is mounted, and no boot mounts anything."""
    paths = [path for text in asked(wishes(*said)).values() for path in text.split("\n") if path]
    found = HostOverlays("root", root=True, kernel="6.1.0", util_linux=(2, 38), systemd=systemd)
    found = replace(found, parameters=PARAMETERS, mounts=(ROOT, DISK), ftype={"/srv/disk": "1"})
    places = {path: place(found, path, path in missing) for path in paths}
    units = {one["target"]: Unit(escape(one["target"])) for one in said} if systemd else {}
    return replace(found, places=places, real={path: path for path in paths}, units=units, **more)


def place(found: HostOverlays, path: str, missing: bool = False, **more: Any) -> Place:
    device = {"ext4": 1, "xfs": 2}.get(found.below(path).kind, 3)
    number = sum(path.encode()) * 100 + len(path)
    above = "/srv" if missing else path
    return replace(Place(path, above, f"{device}:{number}", "directory", ROOM, 1000), **more)


def escape(path: str) -> str:
    return f"{path.strip('/').replace('/', '-')}.mount"


def line(text: str) -> Line:
    found = fstab_line(text)
    assert found
    return found


def shown(found: HostOverlays, wish: OverlayMount, *, read_only: bool = False) -> str:
    """As the kernel shows it in mountinfo, once it is mounted."""
    one = wanted(found, wish)
    flags = [flag for flag in ("ro", "noatime", "nodiratime", "nodev", "nosuid", "noexec") if flag in wish.options]
    flags += [] if "noatime" in wish.options else ["relatime"]
    hidden = {f"{name}={default(found, name)}" for name in ("metacopy", "index", "nfs_export")}
    hidden |= {option for option in wish.options if option.startswith("xino=")} | {"redirect_dir=off"}
    # mountinfo has these in octal.
    made = data(one)
    for option in hidden:
        made = made.replace(f",{option}", "")
    for letter in "\\ ":
        made = made.replace(letter, f"\\{ord(letter):03o}")
    made = made.replace("\\134,", "\\134\\054")
    state = "ro" if read_only or "ro" in wish.options or not wish.upper else "rw"
    point = one.target.replace("\\", "\\134").replace(" ", "\\040")
    return f"9 1 0:40 / {point} {','.join(flags if 'ro' in flags else ['rw', *flags])} - overlay overlay {state},{made}"


def mounted(found: HostOverlays, *some: OverlayMount, **about: Any) -> HostOverlays:
    for number, wish in enumerate(some):
        text = shown(found, wish, **about)
        one = parse_overlay(text)
        assert one
        mount = Mount(f"9{number}", "1", "0:40", one.point, "overlay", "overlay", one.read_only)
        real = {**found.real, **{path: path for path in (*one.lowers, one.upper, one.work)}}
        found = replace(found, overlays=(*found.overlays, one), mounts=(*found.mounts, mount), real=real)
    return found


def kept(found: HostOverlays, *some: OverlayMount) -> HostOverlays:
    """A boot mounts them."""
    for wish in some:
        one = wanted(found, wish)
        if its := found.units.get(one.target):
            links = (f"/etc/systemd/system/{wanted_by(one)}.wants/{its.name}",)
            found = replace(found, units={**found.units, one.target: replace(its, text=unit(one), wants=links)})
        else:
            found = replace(found, fstab=(*found.fstab, line(written_line(one))))
    return found


def planned(found: HostOverlays, *said: Mapping[str, Any]) -> OverlayPlan:
    return decide(found, wishes(*said))


def done(plan: OverlayPlan) -> list[str]:
    return [step.title for step in plan.steps]


def other(point: str, upper: str, work: str, **about: Any) -> Overlay:
    found = parse_overlay(f"8 1 0:99 / {point} rw - overlay overlay rw,lowerdir=/x,upperdir={upper},workdir={work}")
    assert found
    return replace(found, **about)
