"""The line of /etc/fstab that a volume is mounted by: fstab(5)."""

from hostwright.base.refusal import Refusal
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Group, Volume
from hostwright.lvm.facts.mounts import FstabLine, Mount
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.file_systems import KINDS
from hostwright.lvm.plan.steps import Step
from hostwright.lvm.settings import LogicalVolumeWish
from hostwright.lvm.verbs import ChangeLine, Remount


def mapped(group: str, volume: str) -> str:
    """Its path as device mapper names it, which is what installers write into fstab."""
    return f"/dev/mapper/{group.replace('-', '--')}-{volume.replace('-', '--')}"


def own_lines(storage: Storage, group: Group, volume: Volume, system: FileSystem) -> list[FstabLine]:
    """The lines that mean this volume, however they name it."""
    uuid = f"{group.uuid}{volume.uuid}".replace("-", "")
    path = mapped(group.name, volume.name)
    names = {path, f"/dev/{group.name}/{volume.name}", f"/dev/disk/by-id/dm-name-{path.rsplit('/', 1)[-1]}"}
    names |= {f"/dev/disk/by-id/dm-uuid-LVM-{uuid}"} if volume.uuid else set()
    names |= {f"UUID={system.uuid}", f"/dev/disk/by-uuid/{system.uuid}"} if system.uuid else set()
    names |= {f"LABEL={system.label}", f"/dev/disk/by-label/{system.label}"} if system.label else set()
    node = f"/dev/{volume.node}"
    # Where a path leads says more than what it is called: a link may be another device's.
    return [
        line
        for line in storage.fstab
        if (line.real == node if line.real.startswith("/dev/dm-") else line.spec.replace('"', "") in names)
    ]


def check_line(storage: Storage, group: Group, volume: Volume, system: FileSystem, mount: Mount) -> None:
    """Refuses where the boot would not mount by the one line of fstab that this volume has for its directory."""
    name, point = f"{group.name}/{volume.name}", mount.point
    if "\n" in point:
        raise Refusal(f"{point!r} has a line break in its name, which fstab cannot say", f"mount {name} elsewhere")
    lines = [line for line in storage.fstab if line.point == point]
    _check_unit(storage, name, point, _missing_line(group, volume, mount, storage.unit.options, lines))
    if not lines:
        raise Refusal(
            f"{point} has no line in /etc/fstab",
            f"add one, so that a reboot finds it: {_missing_line(group, volume, mount, '', [])}",
        )
    if len(lines) > 1:
        raise Refusal(
            f"/etc/fstab has {len(lines)} lines for {point}, of which a boot takes the first",
            f"take away all but one of {'; '.join(repr(line.text) for line in lines)}",
        )
    (line,) = lines
    words = line.words
    if len(words) < 3 or not all(word.isdigit() for word in words[4:6]):
        raise Refusal(
            f"mount(8) does not read the line {line.text!r} of /etc/fstab",
            "write device, directory, type, options, 0 and 0; a comment has a line of its own",
        )
    if line not in own_lines(storage, group, volume, system):
        leads = f" ({line.real})" if line.real and line.real != line.spec else ""
        raise Refusal(
            f"/etc/fstab mounts {line.spec}{leads} on {point}, but {name} is mounted there",
            f"correct its first word to {mapped(group.name, volume.name)}, or mount what it says",
        )
    twins = [
        device.name
        for device in storage.devices
        if device.name != volume.node and line.spec.replace('"', "") in (f"UUID={device.uuid}", f"LABEL={device.label}")
    ]
    if twins:
        raise Refusal(
            f"{line.spec} of {point} in /etc/fstab is {name}, and {' and '.join(twins)} too: a boot takes either",
            f"write {mapped(group.name, volume.name)} in its place",
        )
    check_automount(storage, line)


def _missing_line(group: Group, volume: Volume, mount: Mount, options: str, lines: list[FstabLine]) -> str:
    if lines:
        return ""
    return f"{mapped(group.name, volume.name)} {_escaped(mount.point)} {mount.kind} {options or 'defaults'} 0 0"


def _check_unit(storage: Storage, name: str, point: str, missing: str) -> None:
    if not storage.unit.known:
        raise Refusal(
            f"systemd does not tell which unit mounts {name}",
            f"see what `systemctl show -p FragmentPath {point}` says, and run again once it tells",
        )
    if path := storage.unit.path:
        first = f"write '{missing}' into /etc/fstab, then " if missing else ""
        raise Refusal(
            f"{point} is mounted by {path}, which the boot takes whatever /etc/fstab says",
            f"{first}`mv {path} /root && systemctl daemon-reload`",
        )


def check_automount(storage: Storage, line: FstabLine) -> None:
    point = line.point
    option = next((word for word in line.options.split(",") if word.endswith("systemd.automount")), "")
    over = next((mount for mount in storage.mounts if mount.point == point and mount.kind == "autofs"), None)
    if over and over.source != "systemd-1":
        raise Refusal(f"{point} is mounted on demand by autofs ({over.source})", "take it from that map first")
    if option or over:
        unit = f"$(systemd-escape -p --suffix=automount {point})"
        first = (
            f"take {option} from its line in /etc/fstab"
            if option
            else f'move the file away that `systemctl show -p FragmentPath "{unit}"` names'
        )
        raise Refusal(
            f"{point} is mounted on demand (automount), which would come between",
            f'{first}, then `systemctl daemon-reload && umount {point} && systemctl stop "{unit}" && mount {point}`. '
            f"Never stop that unit while {point} is mounted: the mount would vanish from under those who use it",
        )


def line_steps(
    storage: Storage, group: Group, volume: Volume, system: FileSystem, wish: LogicalVolumeWish
) -> tuple[Step, ...]:
    """Makes the line say what is wished; it keeps the name that it gives the volume."""
    assert wish.fs is not None
    own = own_lines(storage, group, volume, system)
    _check_lines(storage, own, wish)
    if not own:
        point = wish.mount or "none"
        last = KINDS[wish.fs].fsck_pass
        text = f"{mapped(wish.vg, wish.name)} {_escaped(point)} {wish.fs} {wish.options} 0 {last}"
        return (ChangeLine(f"add its line to /etc/fstab: {text}", "", text),)
    line = own[0]
    if line.options == wish.options and line.kind in (wish.fs, "auto"):
        return ()
    words = line.words
    text = " ".join([*words[:2], wish.fs, wish.options, *(words[4:] or ("0", "0"))])
    steps: list[Step] = [ChangeLine(f"change its line in /etc/fstab: {text}", line.text, text)]
    if wish.mount and line.options != wish.options:
        title = f"mount {wish.mount} with other options: {wish.options}"
        steps.insert(0, Remount(title, wish.name, wish.options, wish.mount))
    return tuple(steps)


def _check_lines(storage: Storage, own: list[FstabLine], wish: LogicalVolumeWish) -> None:
    """Refuses where the volume, or the directory that it is to be mounted on, has a line that says something else.

    + own: the lines that mean this volume
    """
    full = wish.full_name
    if wish.mount:
        for line in storage.fstab:
            if line.point == wish.mount and line not in own:
                raise Refusal(
                    f"/etc/fstab mounts {line.spec} there already",
                    f"take that line away, or name another directory for {full}",
                    key=wish.key("mount"),
                    value=wish.mount,
                )
    elsewhere = next((line for line in own if wish.mount and line.point != wish.mount), None)
    if elsewhere:
        raise Refusal(
            f"/etc/fstab mounts {full} on {elsewhere.point}",
            f"take that line away, or say mount={elsewhere.point!r}",
            key=wish.key("mount"),
            value=wish.mount,
        )
    if len(own) > 1:
        raise Refusal(
            f"/etc/fstab has {len(own)} lines for {full}",
            f"take away all but one of {'; '.join(repr(line.text) for line in own)}",
        )
    if wish.mount:
        _check_unit(storage, full, wish.mount, "")


def _escaped(path: str) -> str:
    return path.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")
