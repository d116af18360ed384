"""A volume that somebody made shorter than its file system: refused, with the command that brings back what it lost.

Pure. What it lost is whole as long as nobody writes to the extents that it lies in. Swap loses nothing by it.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hostwright.base.refusal import Refusal
from hostwright.lvm import names
from hostwright.lvm.facts.archives import Archives, Area, Segment, State
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Group, Volume
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.file_systems import KINDS
from hostwright.lvm.plan.sizes import size_text
from hostwright.lvm.plan.task import extents_text

UNTOLD = Archives()


@dataclass(frozen=True)
class Cut:
    """LVM's archives may tell how to bring it back."""

    group: Group
    volume: Volume
    system: FileSystem


def cut_volumes(storage: Storage, group: Group) -> list[Cut]:
    """Those that are shorter than their file systems say."""
    return [
        Cut(group, volume, system)
        for volume in group.volumes
        if (system := _looked_at(storage, volume)) and system.spans > volume.extents * group.extent_size
    ]


def check_whole(storage: Storage, group: Group, archives: Archives, only: str = "") -> None:
    """Refuses a group in which what is free may be the end of a volume that was cut. `only`: one volume alone."""
    cut = {found.volume.name: found for found in cut_volumes(storage, group)}
    for volume in group.volumes:
        if only not in ("", volume.name):
            continue
        name = f"{group.name}/{volume.name}"
        if _has_no_node(storage, volume):
            raise Refusal(f"/dev/{name} is not there, though {name} is active", f"`vgmknodes {group.name}` first")
        system = _looked_at(storage, volume)
        if system and not system.spans:
            raise Refusal(
                f"the {system.kind} file system on {name} did not tell its size",
                f"see what `{_asking(group, volume, system)}` says first",
            )
        if volume.name in cut:
            raise refused(cut[volume.name], archives)


def _is_apart(volume: Volume, system: FileSystem | None) -> bool:
    """Whether its extents are not what its file system lies in."""
    return bool(volume.origin) or "thin" in volume.layout or _unfinished(volume, system)


def _has_no_node(storage: Storage, volume: Volume) -> bool:
    system = storage.file_systems.get(volume.name)
    is_active = "public" in volume.role and volume.device[:1].isdigit()
    return system is None and is_active and not _is_apart(volume, system)


def _looked_at(storage: Storage, volume: Volume) -> FileSystem | None:
    """Its file system, where that says how large it is."""
    system = storage.file_systems.get(volume.name)
    if system is None or system.foreseen or _is_apart(volume, system):
        return None
    return system if system.kind in KINDS and KINDS[system.kind].files else None


def _unfinished(volume: Volume, system: FileSystem | None) -> bool:
    """A copy or lists that a lost run left: what was in their extents before may still look like a file system."""
    served = system is not None and system.mounted
    copy = names.COPY_TAG in volume.tags and volume.name.endswith(names.COPY_SUFFIX)
    lists = names.LISTS_TAG in volume.tags and volume.name.endswith(names.LISTS_SUFFIX)
    return (copy or lists) and not served


def _device(group: Group, volume: Volume) -> str:
    return f"/dev/{group.name}/{volume.name}"


def _asking(group: Group, volume: Volume, system: FileSystem) -> str:
    mounted = shlex.quote(system.mounted) if system.mounted else ""
    return KINDS[system.kind].ask(_device(group, volume), mounted)


# -- the way back


def refused(cut: Cut, archives: Archives) -> Refusal:
    """The refusal with the command that brings it back, or with the reason why there is none."""
    group, volume, system = cut.group, cut.volume, cut.system
    why = (
        f"{group.name}/{volume.name} is {extents_text(group, volume.extents)}, but its {system.kind} file system is "
        f"{size_text(system.spans)}: somebody has cut the volume"
    )
    still = f"write nothing to it, and make or extend no other volume of {group.name}"
    found = _commands(cut, archives)
    if isinstance(found, str):
        unread = f" ({', '.join(archives.unreadable)}: cannot be read)" if archives.unreadable else ""
        return Refusal(why, f"{still}. No command brings it back for sure: {found}{unread}")
    return Refusal(why, f"{still}. This brings it back: `{' && '.join(found)}`. Then {_look(cut)}")


def _look(cut: Cut) -> str:
    """What to do once the volume is whole, before anything is written to it."""
    system, device = cut.system, _device(cut.group, cut.volume)
    look = f"`{KINDS[system.kind].check} {device}`"
    if system.mounted == "/":
        return f"boot a rescue system and check it: {look}; once that finds nothing, run again"
    if system.mounted:
        return (
            f"`umount {shlex.quote(system.mounted)}` and check it: {look}; once that finds nothing, mount it, let the "
            "kernel forget what it complained of (`dmesg -C`), and run again"
        )
    return f"check it, before you mount it: {look}; once that finds nothing, run again"


def _commands(cut: Cut, archives: Archives) -> tuple[str, ...] | str:
    group, volume, now = cut.group, cut.volume, cut.group.sequence
    if not archives.directories:
        return "the host did not tell all that LVM has kept of its metadata: run again"
    states = [state for state in archives.states if state.group == group.uuid]
    whole = _last_whole(cut, states)
    if whole is None:
        return (
            f"in no archive of LVM ({archives.directories[0]}) is it as large. Take the files from a backup. If what "
            f"looks like a file system is only left over, and not needed: `wipefs -a {_device(group, volume)}`"
        )
    present = [state for state in states if state.sequence == now]
    if not present or any(state.extents(volume.uuid) != volume.extents for state in present):
        return f"LVM has no backup of what {group.name} is now: `vgcfgbackup {group.name}`, then run again"
    if any(state.sequence > now for state in states):
        return f"metadata of {group.name} were restored since, and what became of its extents meanwhile is not known"
    if gaps := sorted(set(range(whole.sequence, now)) - {state.sequence for state in states}):
        lacking = f"LVM's archives of {group.name} from seqno {gaps[0]} to {gaps[-1]}"
        return f"{lacking} are not all there, and what became of its extents meanwhile is not known"
    since = [state for state in states if state.sequence >= whole.sequence and state is not whole]
    return _unfit(cut, whole, since) or _extending(cut, whole)


def _last_whole(cut: Cut, states: list[State]) -> State | None:
    size = cut.system.spans
    whole = [state for state in states if state.extents(cut.volume.uuid) * state.extent_size >= size]
    before = [state for state in whole if state.sequence < cut.group.sequence]
    return max(before, key=lambda state: state.sequence, default=None)


def _unfit(cut: Cut, whole: State, since: list[State]) -> str:
    """Why the extents that it had can no longer be what they were; empty when they are."""
    uuid, name = cut.volume.uuid, f"{cut.group.name}/{cut.volume.name}"
    least = min(state.extents(uuid) for state in since)
    lost = _clipped(whole.volumes[uuid], least, whole.extents(uuid))
    areas = [area for segment in lost for area in segment.areas]
    if not all(segment.kind for segment in lost):
        return "what was cut off was neither linear nor striped"
    begun = {segment.first for segment in _joined(whole.volumes[uuid])}
    if any(segment.kind == "striped" and segment.first in begun for segment in _lacking(cut, whole)):
        return "stripes begin anew in what was cut off, and LVM orders those as it likes"
    if {state.extent_size for state in (whole, *since)} != {cut.group.extent_size}:
        return f"{cut.group.name} has extents of another size since"
    for state in since:
        if any(state.disks.get(area.disk, 0) < area.first + area.extents for area in areas):
            return f"a disk that it was on has not been in {cut.group.name} all the time since"
        for other, segments in state.volumes.items():
            # What it kept all the time may have been moved into what was cut off.
            used = _clipped(segments, 0, least) if other == uuid else segments
            if any(_overlap(area, taken) for segment in used for taken in segment.areas for area in areas):
                return f"its extents were used meanwhile, by {cut.group.name}/{state.names[other]}"
        had = _clipped(whole.volumes[uuid], least, state.extents(uuid))
        if _joined(_clipped(state.volumes.get(uuid, ()), least, state.extents(uuid))) != _joined(had):
            return f"{name} was extended or moved meanwhile, to other extents"
    return ""


def _extending(cut: Cut, whole: State) -> tuple[str, ...]:
    """A command for each piece: of several ranges in one, LVM takes the larger ones first."""
    known = {disk.uuid: disk.name for disk in cut.group.disks}
    segments = whole.volumes[cut.volume.uuid]
    striped = any(segment.kind == "striped" for segment in segments)
    commands = []
    for piece in _lacking(cut, whole):
        size = str(piece.first + piece.extents)
        stripes = ["-i", str(len(piece.areas))] if striped else []
        if piece.kind == "striped":
            stripes += ["-I", f"{piece.stripe_size // 1024}k"]
        ranges = [f"{_escaped(known[a.disk])}:{a.first}-{a.first + a.extents - 1}" for a in piece.areas]
        words = ["lvextend", "-l", size, *stripes, f"{cut.group.name}/{cut.volume.name}", *ranges]
        commands.append(shlex.join(words))
    return tuple(commands)


def _lacking(cut: Cut, whole: State) -> list[Segment]:
    uuid = cut.volume.uuid
    return _joined(_clipped(whole.volumes[uuid], cut.volume.extents, whole.extents(uuid)))


def _escaped(disk: str) -> str:
    """A colon and an at sign mean something to LVM where it takes ranges."""
    return disk.replace(":", "\\:").replace("@", "\\@")


def _overlap(one: Area, other: Area) -> bool:
    return one.disk == other.disk and one.first < other.first + other.extents and other.first < one.first + one.extents


def _clipped(segments: Iterable[Segment], first: int, end: int) -> list[Segment]:
    """What of them lies in the volume from `first` up to `end`."""
    found = []
    for segment in segments:
        start, stop = max(first, segment.first), min(end, segment.first + segment.extents)
        if start >= stop:
            continue
        skipped, extents = start - segment.first, stop - start
        rows = len(segment.areas)
        if not segment.kind:
            found.append(replace(segment, first=start, extents=extents))
        elif skipped % rows or extents % rows:
            found.append(replace(segment, first=start, extents=extents, kind=""))
        else:
            areas = tuple(Area(a.disk, a.first + skipped // rows, extents // rows) for a in segment.areas)
            found.append(replace(segment, first=start, extents=extents, areas=areas))
    return found


def _joined(segments: Iterable[Segment]) -> list[Segment]:
    """One segment where several go on as one."""
    found: list[Segment] = []
    for segment in segments:
        last = found[-1] if found else None
        if last and segment.kind and _goes_on(last, segment):
            areas = tuple(
                replace(area, extents=area.extents + more.extents)
                for area, more in zip(last.areas, segment.areas, strict=True)
            )
            found[-1] = replace(last, extents=last.extents + segment.extents, areas=areas)
        else:
            found.append(segment)
    return found


def _goes_on(one: Segment, other: Segment) -> bool:
    return (one.kind, one.stripe_size, len(one.areas)) == (other.kind, other.stripe_size, len(other.areas)) and all(
        area.disk == more.disk and area.first + area.extents == more.first
        for area, more in zip(one.areas, other.areas, strict=True)
    )
