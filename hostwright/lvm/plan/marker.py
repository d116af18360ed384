"""What a later run must know of the source: kept in fstab, above the line that serves its files meanwhile."""

import base64
import json

from hostwright.base.refusal import Refusal
from hostwright.lvm import names
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Group, Volume
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.file_systems import kind_of
from hostwright.lvm.plan.task import Task, copy_name, mount_options
from hostwright.lvm.settings import Rebalance

MARKER = f"{names.MARK} "

CARRIED = ("tags", "read_ahead", "allocation", "profile")
"""what LVM keeps of the volume itself; a marker of an older package is without them"""

QUOTA_OPTIONS = (
    *("usrquota", "grpquota", "prjquota", "quota", "uquota", "gquota", "pquota"),
    *("uqnoenforce", "gqnoenforce", "pqnoenforce"),
)


def read_marker(storage: Storage) -> dict[str, str]:
    if not storage.marker:
        return {}
    try:
        memory: dict[str, str] = json.loads(base64.b64decode(storage.marker.removeprefix(MARKER)))
        known = ("line", "point", "uuid", "label", "kind", "options", "quota", "image")
        return {key: str(memory[key]) for key in (*known, *(key for key in (*CARRIED, "proof") if key in memory))}
    except (ValueError, KeyError, TypeError):
        raise Refusal(
            f"/etc/fstab has a line that a lost run left, and that cannot be read ({storage.marker[:40]}...)",
            "put the line below it right by hand, and delete it",
        ) from None


def served_by(storage: Storage, group: Group, wish: Rebalance, marker: dict[str, str]) -> str:
    """What fstab makes of the source while it is not the volume it has always been."""
    spec = next((line.spec for line in storage.fstab if line.point == marker["point"]), "")
    if marker["image"] and spec == marker["image"]:
        return "image"
    copy, source = group.volume(copy_name(wish)), group.volume(wish.shrink)
    # A copy that has the source's name already keeps our tag for as long as fstab has a marker.
    if source and names.COPY_TAG not in source.tags and _is_id_of(group, source, spec):
        return "volume"
    volume = copy or source
    if volume and _is_id_of(group, volume, spec):
        return "copy"
    raise Refusal(
        f"/etc/fstab mounts {marker['point']} from {spec or 'nothing'}, which a lost run of ours did not write",
        f"put the line back by hand ({marker['line']}) and delete the '{names.MARK}' line above it",
    )


def _is_id_of(group: Group, volume: Volume, spec: str) -> bool:
    return spec.endswith(f"{group.uuid}{volume.uuid}".replace("-", ""))


def names_volume(group: Group, volume: Volume, system: FileSystem, spec: str) -> bool:
    """Whether this is how a line of fstab names the volume, or the file system on it."""
    dashed = f"{group.name.replace('-', '--')}-{volume.name.replace('-', '--')}"
    known = [f"/dev/{group.name}/{volume.name}", f"/dev/mapper/{dashed}"]
    for key, value in (("UUID", system.uuid), ("LABEL", system.label)):
        known += [f"{key}={value}", f'{key}="{value}"', f"/dev/disk/by-{key.lower()}/{value}"] if value else []
    return spec in known or _is_id_of(group, volume, spec)


def memory_of(task: Task, image: str = "") -> dict[str, str]:
    """What a later run must know of the source; it is kept in fstab while another line than its own serves it."""
    carried = _carried(task.shrink)
    if memory := read_marker(task.storage):
        return carried | memory
    if task.mount is None or task.line is None:
        return carried | dict.fromkeys(("line", "point", "uuid", "label", "kind", "options", "quota", "image"), "")
    return carried | {
        "line": task.line.text,
        "point": task.mount.point,
        "uuid": task.source.uuid,
        "label": task.source.label,
        "kind": task.source.kind,
        "options": mount_options(task),
        "quota": quota_options(task),
        "image": image,
    }


def _carried(volume: Volume) -> dict[str, str]:
    tags = ",".join(tag for tag in volume.tags if not tag.startswith(names.TAG))
    return dict(zip(CARRIED, (tags, volume.read_ahead, volume.allocation, volume.profile), strict=True))


def quota_options(task: Task) -> str:
    if task.served != "volume":
        return read_marker(task.storage)["quota"]
    shown = [option for option in (task.mount.options if task.mount else ()) if option in QUOTA_OPTIONS]
    # ext4 does not show its quotas among the mount's options: they are a feature of it.
    kept = [f"{kind}quota" for kind in kind_of(task.source.kind).quota_feature(task.source.said)]
    return ",".join(dict.fromkeys([*shown, *kept]))


def served_name(task: Task) -> str:
    """The volume that the source is served from, or the path of the image."""
    if task.served == "image":
        return read_marker(task.storage)["image"]
    return task.copy if task.served == "copy" and task.group.volume(task.copy) else task.wish.shrink


def variables_of(task: Task, image: str = "") -> tuple[tuple[str, str], ...]:
    memory = memory_of(task, image)
    # The proof is of the copy that the source is served from; the next one has its own (home_line.sh writes it).
    proof = memory.pop("proof", "")
    encoded = base64.b64encode(json.dumps(memory).encode()).decode()
    return (
        ("VG", task.group.name),
        ("LV", task.wish.shrink),
        ("COPY", task.copy),
        ("MOUNT", memory["point"]),
        ("KIND", memory["kind"]),
        ("OPTIONS", memory["options"]),
        ("QUOTA", memory["quota"]),
        ("UUID", memory["uuid"]),
        ("LABEL", memory["label"]),
        ("ORIGINAL", memory["line"]),
        ("MARKER", MARKER + encoded),
        ("IMAGE", memory["image"]),
        ("BUSY", task.wish.busy),
        ("SERVED", served_name(task)),
        ("PROOF", proof),
        ("TRUST", "yes" if task.wish.trust_copy else "no"),
        *((key.upper(), memory[key]) for key in CARRIED),
    )
