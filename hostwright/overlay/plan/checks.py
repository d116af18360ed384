"""What stands against an overlay: mistakes that the kernel takes in silence, and those that it refuses too late."""

from collections.abc import Iterator, Sequence
from itertools import permutations

from hostwright.base.refusal import Refusal
from hostwright.overlay.facts import HostOverlays, Line, Overlay
from hostwright.overlay.plan.options import default, difference, wished
from hostwright.overlay.plan.written import LINE_MARK, MARK, Wanted, as_before, data, is_in, layers, unit
from hostwright.overlay.settings import OverlayMount, OverlaySettings

# Those that overlayfs takes as upper, with ftype=1 for XFS.
_WRITABLE = ("ext2", "ext3", "ext4", "xfs", "btrfs")
_ENGINES = ("/var/lib/docker", "/var/lib/containers", "/var/lib/containerd", "/run/docker", "/run/containerd")
_OF_USERS = ("/.local/share/docker", "/.local/share/containers", "/.local/share/containerd")
_LEAST = 1024**2
# A page of options without its end; what fsconfig(2) takes; the kernel's OVL_MAX_STACK; LINE_MAX of older systemd.
_PAGE, _VALUE, _STACK, _LINE = 4095, 255, 500, 2047
_BY_FSCONFIG, _LONG_LINES, _ESCAPES = (2, 39), 237, 248


def before_all(found: HostOverlays, wishes: Sequence[OverlayMount]) -> Iterator[Refusal]:
    key = OverlaySettings.key("mounts")
    if not found.root:
        yield Refusal(f"{found.user} is not root, and may not mount", "let pyinfra use sudo (_sudo, --sudo)", key=key)
    elif not found.supported:
        remedy = "boot one that has it, or install the package with its modules"
        yield Refusal(f"this kernel ({found.kernel}) has no overlay", remedy, key=key)
    else:
        paths = (path for wish in wishes for path in (wish.target, *wish.lower, wish.upper, wish.work) if path)
        for path in dict.fromkeys(paths):
            if path not in found.places:
                yield Refusal(f"the host did not tell what {path} is", "run again", key=key)


def of_target(found: HostOverlays, wish: OverlayMount, one: Wanted) -> Iterator[Refusal]:
    """Also where it is to go."""
    key, target = one.name, one.target
    on_it = [mount for mount in found.mounts if mount.point == target]
    if other := next((mount for mount in on_it if mount.kind != "overlay"), None):
        why = f"something else is mounted there: {other.source} ({other.kind})"
        yield Refusal(why, f"unmount it, with its line in /etc/fstab if it has one: umount {target}", key=key)
    elif len(on_it) > 1:
        why = f"{len(on_it)} overlays are mounted there, one over the other"
        yield Refusal(why, f"unmount the upper ones: umount {target}", key=key)
    engine = next((path for path in (*_ENGINES, *found.engines) if is_in(target, path)), "")
    engine = engine or next((path for path in _OF_USERS if f"{path}/" in f"{target}/"), "")
    if engine:
        why = f"it is below {engine}, where a container engine has its own overlays"
        yield Refusal(why, "name a target elsewhere", key=key)
    for line in found.fstab:
        if line.point in (target, wish.target) and not is_ours(line):
            yield Refusal(f"/etc/fstab has a line for it that is not ours: {line.text}", "take that line away", key=key)
    its = found.units.get(target)
    path = f"/etc/systemd/system/{its.name}" if its and its.text is not None else ""
    if its and (its.elsewhere or (its.text is not None and not its.text.startswith(MARK))):
        path = its.elsewhere or path
        yield Refusal(
            f"{path} mounts it, and is not ours",
            f"move it away: mv {path} /root && systemctl daemon-reload" if path.startswith("/etc/") else "remove it",
            key=key,
        )


def is_ours(line: Line) -> bool:
    return LINE_MARK in line.options


def of_layers(found: HostOverlays, wish: OverlayMount, one: Wanted, coming: Sequence[str]) -> Iterator[Refusal]:
    """
    + coming: targets of overlays that are mounted before it in this run
    """
    key = one.name
    written = {"target": wish.target, "upper": wish.upper or "", "work": wish.work or ""}
    for kind, path in (*(("lower", path) for path in wish.lower), *written.items()):
        place = found.places[path] if path else None
        if place and place.exists and place.kind != "directory":
            yield Refusal(f"{kind} {path} is no directory ({place.kind})", "name one", key=key)
        elif place and kind == "lower" and not place.exists and place.real not in coming:
            yield Refusal(f"lower {path} is not there", "make it, or mount what it is on", key=key)
    for path in dict.fromkeys((one.target, *(path for _, path in one.layers))):
        for line in found.fstab:
            if line.point not in (one.target, *coming) and _is_unmounted(found, line, path):
                why = f"{path} is below {line.point}, which /etc/fstab mounts, and which is not mounted"
                yield Refusal(why, f"mount {line.point} first", key=key)
    yield from _apart(one)
    yield from _used_by_others(found, one)
    if one.upper:
        yield from _of_upper(found, wish, one)
        yield from _of_work(found, wish, one)
    if _is_held_to_another(found, wish, one):
        yield Refusal(
            f"upper {wish.upper} was mounted under index=on with another first lower than {wish.lower[0]}, and the "
            "kernel takes no other one",
            "name the lower that it had, or an empty directory as upper",
            key=key,
        )
    yield from _limits(found, one)


def _is_held_to_another(found: HostOverlays, wish: OverlayMount, one: Wanted) -> bool:
    if found.below(one.lowers[0]).kind == "overlay" and one.lowers[0] == one.target:
        # What is under the target cannot be seen.
        return False
    noted = found.origins.get(wish.upper or "")
    return noted is not None and noted != found.places[wish.lower[0]].inode and _is_indexed(found, one)


def _is_indexed(found: HostOverlays, one: Wanted) -> bool:
    return "nfs_export=on" in one.own or (wished(one, "index") or default(found, "index")) == "on"


def _is_unmounted(found: HostOverlays, line: Line, path: str) -> bool:
    if not line.point.startswith("/") or line.kind == "swap":
        return False
    return is_in(path, line.point) and all(mount.point != line.point for mount in found.mounts)


def _apart(one: Wanted) -> Iterator[Refusal]:
    """What must not be in or under each other."""
    key = one.name
    own = [(kind, path) for kind, path in (("target", one.target), ("upper", one.upper), ("work", one.work)) if path]
    said: set[frozenset[str]] = set()
    for (kind, path), (other, directory) in permutations(own, 2):
        if is_in(path, directory) and frozenset((kind, other)) not in said:
            said.add(frozenset((kind, other)))
            where = "is" if path == directory else f"{path} is in"
            yield Refusal(f"{kind} {where} {other} {directory}", "name directories beside each other", key=key)
    for number, lower in enumerate(one.lowers):
        if lower in one.lowers[:number]:
            yield Refusal(f"lower {lower} is named twice", "name it once", key=key)
        for other in one.lowers:
            if lower != other and is_in(lower, other):
                yield Refusal(f"lower {lower} is inside lower {other}", "name one of them", key=key)
        for kind, path in own[1:]:
            if is_in(path, lower) or is_in(lower, path):
                where = (
                    f"{kind} {path} is in lower {lower}" if is_in(path, lower) else f"lower {lower} is in {kind} {path}"
                )
                yield Refusal(where, "name directories beside each other", key=key)
        if lower != one.target and is_in(lower, one.target):
            why = f"lower {lower} is in the target {one.target}, which hides it"
            yield Refusal(why, "name a target beside it, or the lower itself", key=key)


def _used_by_others(found: HostOverlays, one: Wanted) -> Iterator[Refusal]:
    places = [found.places[path] for path in (*one.wish.lower, one.wish.upper, one.wish.work) if path]
    identities = {place.real: place.identity for place in places if place.exists}
    for other in (*found.overlays, *found.others):
        if not other.space and other.point == one.target:
            continue
        for theirs, path in (("upper", other.upper), ("work", other.work)):
            for kind, layer in one.layers if path else ():
                if path in other.identities:
                    shared = other.identities[path] == identities.get(layer)
                else:
                    path = found.real.get(path, path)
                    shared = is_in(layer, path) or (kind != "lower" and is_in(path, layer))
                if shared:
                    where = f" in the mount namespace of {other.space}" if other.space else ""
                    yield Refusal(
                        f"{kind} {layer} is {theirs} {path} of the overlay on {other.point}{where}",
                        "name another directory, or unmount that overlay first",
                        key=one.name,
                    )


def _of_upper(found: HostOverlays, wish: OverlayMount, one: Wanted) -> Iterator[Refusal]:
    key, place = one.name, found.places[wish.upper or ""]
    upper, work = found.below(one.upper), found.below(one.work)
    kind = upper.kind
    if kind == "tmpfs" and wish.persist:
        why = f"upper {wish.upper} is on tmpfs, which a boot empties"
        yield Refusal(why, "name one on a disk, or say persist: false", key=key)
    elif kind != "tmpfs" and kind not in _WRITABLE:
        why = f"upper {wish.upper} is on {kind or 'an unknown file system'}, which overlays cannot write to"
        yield Refusal(why, f"name one on {', '.join(_WRITABLE)} (XFS with ftype=1)", key=key)
    if kind == "xfs" and found.ftype.get(upper.point) != "1":
        said = found.ftype.get(upper.point, "unknown")
        why = f"upper {wish.upper} is on XFS with ftype={said}, and overlays need 1"
        remedy = "install xfsprogs, which tells" if said == "unknown" else "name one on a file system made with ftype=1"
        yield Refusal(why, remedy, key=key)
    if upper.read_only:
        why = f"upper {wish.upper} is on {upper.point}, which is mounted read-only"
        yield Refusal(why, f"mount it writable (mount -o remount,rw {upper.point}), or name another upper", key=key)
    devices = [found.places[path or ""].identity.partition(":")[0] for path in (wish.upper, wish.work)]
    if upper.number != work.number or devices[0] != devices[1]:
        why = f"upper {wish.upper} and work {wish.work} are on two mounts ({upper.point} and {work.point})"
        yield Refusal(why, f"name a work directory beside {wish.upper}", key=key)
    if _takes_a_mount(found, one) and (place.free < _LEAST or place.inodes in (0, 1)):
        left = f"{place.free // 1024} KiB" if place.free < _LEAST else f"{place.inodes} inodes"
        why = f"upper {wish.upper} is on {upper.point}, which is full ({left} left), and the overlay would be read-only"
        yield Refusal(why, f"make room on {upper.point}", key=key)


def _takes_a_mount(found: HostOverlays, one: Wanted) -> bool:
    running = found.overlays_at(one.target)
    return not running or bool(difference(found, one, running[-1]).anew)


def _of_work(found: HostOverlays, wish: OverlayMount, one: Wanted) -> Iterator[Refusal]:
    key = one.name
    strangers = found.strangers.get(one.work, ())
    mark = "work/incompat/volatile"
    if others := [name for name in strangers if name != mark]:
        remedy = "it must be empty but for its own work and index; name an empty directory beside upper"
        yield Refusal(f"work {wish.work} holds {', '.join(others)}", remedy, key=key)
    if mark in strangers and not any("volatile" in running.options for running in found.overlays_at(one.target)):
        yield Refusal(
            f"upper {wish.upper} was mounted as volatile, and the kernel does not mount it again",
            f"look whether it is whole, then rm -r {wish.work}/{mark}; or name an empty upper and work",
            key=key,
        )


def hides(found: HostOverlays, wish: OverlayMount, one: Wanted) -> Iterator[Refusal]:
    if found.overlays_at(one.target) or one.target in one.lowers:
        return
    if entries := found.entries.get(one.target):
        why = f"it holds {', '.join(entries)}, which the overlay would hide"
        yield Refusal(why, f"name an empty directory, or say {wish.target} as one of its lowers", key=one.name)


def can_go(found: HostOverlays, one: Wanted) -> Iterator[Refusal]:
    """One that is to be unmounted: as a layer of another overlay it would live on there, and write to its upper."""
    for other in (*found.overlays, *found.others):
        if other.point != one.target and any(is_in(found.real.get(path, path), one.target) for path in other.lowers):
            why = f"it is a layer of the overlay on {other.point}, and is to be unmounted"
            yield Refusal(why, f"unmount {other.point} first, and mount it again after", key=one.name)


def comes_back(one: Wanted, running: Overlay) -> Iterator[Refusal]:
    """One that is to be mounted anew, and must come back should that fail."""
    paths = (*running.lowers, *(path for path in (running.upper, running.work) if path))
    if strange := [path for path in paths if not path.startswith("/")]:
        why = f"the overlay there was mounted with a relative path ({strange[0]}), and could not come back"
        yield Refusal(why, f"unmount it first: umount {one.target}", key=one.name)
    elif (size := _size(as_before(running)[0])) > _PAGE:
        why = f"the overlay there has {size} bytes of options, and could not come back ({_PAGE} at most)"
        yield Refusal(why, f"unmount it first: umount {one.target}", key=one.name)


def _limits(found: HostOverlays, one: Wanted) -> Iterator[Refusal]:
    key = one.name
    if len(one.lowers) > _STACK:
        yield Refusal(f"{len(one.lowers)} lower layers, and this kernel takes {_STACK}", "name fewer", key=key)
    if (size := _size(data(one))) > _PAGE:
        why = (
            f"its layers and options have {size} bytes, and this kernel takes {_PAGE} ({len(one.lowers)} lower layers)"
        )
        yield Refusal(why, "name fewer layers, or shorter paths", key=key)
    if not one.wish.persist:
        return
    if not found.systemd:
        size = _size(layers(one.lowers, "", "")) - len("lowerdir=")
        if size > _VALUE and (found.util_linux or _BY_FSCONFIG) >= _BY_FSCONFIG:
            why = f"its lower layers have {size} bytes, and mount takes {_VALUE} of a line of fstab"
            yield Refusal(why, "name fewer layers, or shorter paths, or say persist: false", key=key)
        return
    if one.target[-1] in " \\":
        why = "its last letter is a blank or a backslash, which a mount unit cannot say"
        yield Refusal(why, "name another target", key=key)
    if found.systemd < _ESCAPES and any(letter in path for _, path in one.layers for letter in "\\,"):
        why = f"systemd {found.systemd} takes no backslash and no comma in the path of a layer"
        yield Refusal(why, "rename the layer", key=key)
    if found.systemd < _LONG_LINES and (size := max(map(_size, unit(one).splitlines()))) > _LINE:
        why = f"its unit would have a line of {size} bytes, and systemd {found.systemd} takes {_LINE}"
        yield Refusal(why, "name fewer layers, or shorter paths", key=key)


def _size(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))


def between(several: Sequence[Wanted]) -> Iterator[Refusal]:
    """What two of one run want of the same directories."""
    for number, one in enumerate(several):
        for other in several[:number]:
            if one.target == other.target:
                yield Refusal(f"two overlays have this target ({other.name})", "name each target once", key=one.name)
            elif one.wish.present and other.wish.present:
                yield from _shared(one, other)
                yield from _shared(other, one)
                for lower in (path for path in other.lowers if is_in(path, one.target)):
                    why = f"lower {lower} is in the overlay on {one.name}, which comes after it in this run"
                    yield Refusal(why, f"write {one.name} before it", key=other.name)


def _shared(one: Wanted, other: Wanted) -> Iterator[Refusal]:
    """Layers of one in an upper or work of the other."""
    for theirs, path in (("upper", other.upper), ("work", other.work)):
        for kind, layer in one.layers if path else ():
            if is_in(layer, path):
                why = f"{kind} {layer} is {theirs} of the overlay on {other.name}"
                yield Refusal(why, "name another directory", key=one.name)
