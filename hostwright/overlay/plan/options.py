"""What of an overlay is not as it is wished: the kernel shows options that are not the module's defaults."""

from dataclasses import dataclass

from hostwright.overlay.facts import HostOverlays, Overlay
from hostwright.overlay.plan.written import GENERIC, Wanted
from hostwright.overlay.settings import VALUES

# By option, what makes the kernel set it, too.
_IMPLIED = {"index": ("nfs_export=on",), "redirect_dir": ("metacopy=on", "userxattr")}


@dataclass(frozen=True)
class Difference:
    """
    + anew: what takes another mount
    + generic: what a remount does
    """

    anew: tuple[str, ...] = ()
    generic: tuple[str, ...] = ()


def difference(found: HostOverlays, one: Wanted, running: Overlay) -> Difference:
    def real(path: str) -> str:
        return found.real.get(path, path)

    anew = []
    if tuple(map(real, running.lowers)) != one.lowers:
        anew.append(f"lower {', '.join(running.lowers)} -> {', '.join(one.lowers)}")
    for kind, old, new in (("upper", real(running.upper), one.upper), ("work", real(running.work), one.work)):
        if old != new:
            anew.append(f"{kind} {old or 'none'} -> {new or 'none'}")
    anew += [
        f"{name} {_shown(found, running, name)} -> {wished(one, name) or 'the default'}"
        for name in VALUES
        if not _is_same(found, one, running, name)
    ]
    for flag in ("userxattr", "volatile"):
        if (flag in one.own) != (flag in running.options):
            anew.append(f"{flag} {'goes' if flag in running.options else 'is added'}")
    if one.upper and running.read_only and not {"ro"} & (running.flags | {*one.generic}):
        anew.append("the kernel made it read-only")
    return Difference(tuple(anew), tuple(_generic(one, running)))


def _generic(one: Wanted, running: Overlay) -> list[str]:
    atime = () if "noatime" in one.generic else ("relatime",)
    wanted = {*one.generic, *atime}
    # Without upper the kernel lets nobody write, whatever it shows.
    looked = [flag for flag in GENERIC if flag != "ro" or one.upper]
    return [
        f"{flag if flag in wanted else f'no {flag}'}" for flag in looked if (flag in wanted) != (flag in running.flags)
    ]


def wished(one: Wanted, name: str) -> str:
    return next((option.partition("=")[2] for option in one.own if option.startswith(f"{name}=")), "")


def _is_same(found: HostOverlays, one: Wanted, running: Overlay, name: str) -> bool:
    value, shown = wished(one, name), running.options.get(name, "")
    if name == "uuid":
        return value == "auto" or (shown or "on") == value or (not value and shown != "off")
    if not value:
        implied = set(_IMPLIED.get(name, ())) & set(one.own)
        return not shown or bool(implied) or (name == "redirect_dir" and not one.upper)
    if name == "xino" and not shown and _is_on_one_file_system(found, one):
        return True
    return _meant(found, one, name, shown or default(found, name)) == _meant(found, one, name, value)


def _shown(found: HostOverlays, running: Overlay, name: str) -> str:
    return running.options.get(name) or default(found, name)


def default(found: HostOverlays, name: str) -> str:
    """What the module takes where nothing is said."""
    if name == "uuid":
        return "on"
    is_on = found.parameters.get({"xino": "xino_auto"}.get(name, name), "N") in ("Y", "1")
    return ("auto" if name == "xino" else "on") if is_on else "off"


def _meant(found: HostOverlays, one: Wanted, name: str, value: str) -> str:
    if name != "redirect_dir":
        return value
    if value == "off":
        value = "follow" if found.parameters.get("redirect_always_follow", "Y") in ("Y", "1") else "nofollow"
    return "on" if value == "follow" and not one.upper else value


def _is_on_one_file_system(found: HostOverlays, one: Wanted) -> bool:
    paths = (*one.wish.lower, *(path for path in (one.wish.upper, one.wish.work) if path))
    # What is under the target cannot be seen.
    seen = [found.places[path] for path in paths if found.places[path].real != one.target]
    return len({place.identity.partition(":")[0] for place in seen}) == 1


def shown_options(found: HostOverlays, one: Wanted) -> tuple[str, ...]:
    """Those that the kernel shows where it has taken them; others it takes may be defaults."""
    if not one.upper or not found.parameters:
        return ()
    return tuple(
        option
        for option in one.own
        if option.partition("=")[0] in ("redirect_dir", "metacopy", "index", "nfs_export")
        and _meant(found, one, option.partition("=")[0], default(found, option.partition("=")[0]))
        != _meant(found, one, option.partition("=")[0], option.partition("=")[2])
    )
