"""The line of /etc/fstab that a volume is mounted by: fstab(5)."""

from hostwright.facts.lvm import FileSystem, FstabLine, Group, Storage, Volume
from hostwright.plans.file_systems import EXT
from hostwright.plans.steps import Step
from hostwright.refusal import Refusal
from hostwright.settings_blocks import LogicalVolumeWish


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
    return [line for line in storage.fstab if line.spec.replace('"', "") in names]


def line_steps(
    storage: Storage, group: Group, volume: Volume, system: FileSystem, wish: LogicalVolumeWish
) -> tuple[Step, ...]:
    """Makes the line say what is wished; it keeps the name that it gives the volume."""
    assert wish.fs is not None
    full, own = wish.full_name, own_lines(storage, group, volume, system)
    point = wish.mount or "none"
    if wish.mount:
        for line in storage.fstab:
            if line.point == wish.mount and line not in own:
                raise Refusal(
                    f"/etc/fstab mounts {line.spec} on {line.point} already: take that line away, "
                    f"or name another directory for {full}"
                )
    elsewhere = next((line for line in own if wish.mount and line.point != wish.mount), None)
    if elsewhere:
        raise Refusal(
            f"/etc/fstab mounts {full} on {elsewhere.point}, not on {wish.mount}: take that line away, "
            f"or say mount={elsewhere.point!r}"
        )
    if not own:
        last = "2" if wish.fs in EXT else "0"
        text = f"{mapped(wish.vg, wish.name)} {_escaped(point)} {wish.fs} {wish.options} 0 {last}"
        return (Step(f"write it into /etc/fstab: {text}", ("change_line", "", text)),)
    line = own[0]
    if line.options == wish.options and line.kind in (wish.fs, "auto"):
        return ()
    words = line.text.split()
    text = " ".join([*words[:2], wish.fs, wish.options, *(words[4:] or ("0", "0"))])
    steps = [Step(f"change its line in /etc/fstab: {text}", ("change_line", line.text, text))]
    if wish.mount and line.options != wish.options:
        title = f"mount {wish.mount} with other options: {wish.options}"
        steps.insert(0, Step(title, ("remount", wish.name, wish.options, wish.mount)))
    return tuple(steps)


def _escaped(path: str) -> str:
    return path.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")
