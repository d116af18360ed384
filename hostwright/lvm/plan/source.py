"""What the volume that shrinks must be like, before its files are copied, or it is taken away from who uses it."""

from math import ceil

from hostwright.base.refusal import Refusal
from hostwright.lvm.facts.mounts import fstab_lines
from hostwright.lvm.facts.survey import Survey
from hostwright.lvm.file_systems import KINDS, one_of
from hostwright.lvm.file_systems.kind import MIB
from hostwright.lvm.plan.file_system import files_bytes, least_bytes, peculiarity
from hostwright.lvm.plan.fstab import mapped
from hostwright.lvm.plan.marker import memory_of, quota_options
from hostwright.lvm.plan.sizes import size_text
from hostwright.lvm.plan.task import Task, mount_options

SYSTEMD_KEEPS = 16 * MIB
"""what `systemctl daemon-reload` wants to be free on /run since systemd 233 (dbus-manager.c)"""


def check_source(task: Task, survey: Survey) -> None:
    group, source, mount = task.group, task.source, task.mount
    name = f"{group.name}/{task.shrink.name}"
    if source.kind == "swsuspend":
        raise Refusal(f"{name} holds a hibernation image", "resume from it, or make it swap again, first")
    if source.kind == "crypto_LUKS":
        raise Refusal(
            f"{name} is encrypted (LUKS on the volume)", "name another volume: only physical volumes may be on LUKS"
        )
    if source.kind not in KINDS:
        raise Refusal(
            f"{name} carries {source.kind or 'nothing that blkid knows'}",
            f"name a volume with {one_of([*KINDS])}",
            key=task.wish.key("shrink"),
            value=task.wish.shrink,
        )
    if mount is None:
        raise Refusal(f"{name} is not mounted", "mount it first, so that its files can be read")
    if mount.point == "/":
        raise Refusal(
            f"{name} is the root file system, which cannot be unmounted, so it cannot shrink",
            "name another volume",
            key=task.wish.key("shrink"),
            value=task.wish.shrink,
        )
    check_use(task, survey, name)


def check_use(task: Task, survey: Survey, name: str) -> None:
    """What could keep it from being read, or unmounted."""
    storage, mount = task.storage, task.mount
    assert mount is not None
    own = [other for other in storage.mounts if other.device == mount.device or other.source == mount.source]
    if len(own) > 1:
        raise Refusal(f"{name} is mounted more than once ({', '.join(m.point for m in own)})", "unmount all but one")
    beneath = [other.point for other in storage.mounts if other.point.startswith(f"{mount.point}/")]
    if beneath:
        raise Refusal(f"file systems are mounted beneath {mount.point}: {', '.join(beneath)}", "unmount them first")
    if odd := peculiarity(task.source, survey, storage.host, copied=False):
        raise Refusal(f"{name}: {odd}")
    if survey.unreadable:
        raise Refusal(f"{mount.point} cannot be looked through ({'; '.join(survey.unreadable)})", f"check {name} first")
    _check_busy(task, survey)


def _check_busy(task: Task, survey: Survey) -> None:
    assert task.mount is not None
    if not survey.holders:
        return
    key = task.wish.key("busy")
    fixed = [holder for holder in survey.holders if holder.kind != "process"]
    if fixed:
        names = ", ".join(f"{holder.kind} {holder.command}" for holder in fixed)
        raise Refusal(f"{task.mount.point} is in use by {names}", f"end that first ({key}=stop ends processes only)")
    if task.wish.busy == "refuse":
        names = "; ".join(
            f"{holder.command or '?'} (pid {holder.pid}, user {holder.user}, {holder.how}"
            + (f", {unit_text(holder.unit)})" if holder.unit else ")")
            for holder in survey.holders
        )
        remedy = f"end them, or let {key}=stop do it"
        raise Refusal(f"{task.mount.point} is in use: {names}", remedy, key=key, value=task.wish.busy)


def unit_text(unit: str) -> str:
    """A unit as holders.sh names it, for people."""
    owner, _, name = unit.rpartition("/")
    if owner in ("docker", "podman"):
        return f"{owner} container {name}"
    return f"{name} of {owner}" if owner else name


def check_run(task: Task) -> None:
    """A job tells there how it ends; and what fstab says is taken from there."""
    host = task.storage.host
    free = task.storage.run_free
    version = int(host.get("systemd") or 0)
    needed = SYSTEMD_KEEPS + MIB if version >= 233 else 2 * MIB
    if free is not None and free < needed:
        raise Refusal(
            f"/run has {size_text(free)} free, and {size_text(needed)} are needed for a job and for "
            f"systemd {version} as it reads /etc/fstab again",
            "make room, or give it more (`mount -o remount,size=... /run`)",
        )


def check_room(task: Task, survey: Survey) -> None:
    source, kind = task.source, KINDS[task.source.kind]
    least = least_bytes(source, survey)
    if task.size >= least:
        return
    files = files_bytes(survey)
    own = kind.own_bytes(task.size, files)
    remedy = f"name '{ceil(least / task.group.extent_size)} extents', the least, or more"
    why = f"the files need {size_text(files)}, and {source.kind} itself about {size_text(own)}"
    if task.size < kind.least:
        why = f"{kind.name} needs {size_text(kind.least)} at least ({kind.making[0]} refuses less)"
    asked = f"that is {size_text(task.size)}, but {why}"
    raise Refusal(asked, remedy, key=task.wish.key("shrink_to"), value=task.wish.shrink_to)


def check_carried(task: Task) -> None:
    """Refuses what a new volume cannot have as the old one has it, or what would keep it from being active."""
    group, volume = task.group, task.shrink
    name = f"{group.name}/{volume.name}"
    spec = next((line.spec for line in fstab_lines([memory_of(task)["line"]])), "")
    if spec.startswith(("/dev/disk/by-id/dm-uuid-LVM-", "/dev/dm-")):
        raise Refusal(
            f"/etc/fstab names {name} by what no other volume has ({spec})",
            f"write {mapped(group.name, volume.name)} in its place",
        )
    if volume.attributes[1] != "w":
        raise Refusal(f"{name} is read-only", f"`lvchange -p rw {name}` first, or take it from lvm.conf's lists")
    if volume.attributes[3] == "m":
        raise Refusal(f"{name} has a persistent device number of its own", f"give it up first (`lvchange -M n {name}`)")
    if volume.attributes[9:] == "k":
        raise Refusal(f"{name} is left out when volumes are activated", f"end that first (`lvchange -k n {name}`)")
    check_listed(task)


def check_listed(task: Task) -> None:
    """The copy must be active at boot, too."""
    group, active = task.group, task.storage.active
    if active is None:
        raise Refusal(
            "lvm.conf has a volume_list, and `lvmconfig activation/volume_list` does not tell it",
            "see what that command complains of",
        )
    name, copy = f"{group.name}/{task.wish.shrink}", f"{group.name}/{task.copy}"
    kept = [tag for tag in memory_of(task)["tags"].split(",") if tag]
    tags = {f"@{tag}" for tag in (*kept, *group.tags)}
    for listed in active:
        if name in listed and not {group.name, copy, *tags} & set(listed):
            raise Refusal(
                f"a volume_list of lvm.conf allows {name} by its name", f"allow {copy} there too, for its copy"
            )


def check_paths(task: Task, survey: Survey) -> None:
    """What no tool can be told cannot be copied (PATH_MAX, limits.h, with room for where it is mounted)."""
    if survey.long:
        assert task.mount is not None
        point = task.mount.point
        raise Refusal(
            f"{point} has paths of more than 4,000 bytes, which no tool can copy",
            f"rename or move up what (cd {point} && find . -xdev -path \"$(printf %4001s | tr ' ' '?')*\") names",
        )


def check_copied(task: Task, survey: Survey) -> None:
    """Refuses what a copy would lose."""
    if odd := peculiarity(task.source, survey, task.storage.host, copied=True):
        raise Refusal(f"{task.group.name}/{task.shrink.name}: {odd}")
    quotas = quota_options(task) or "jquota=" in mount_options(task)
    if quotas and KINDS[task.source.kind].quotas_in_files(task.source.said):
        raise Refusal(
            f"{task.source.mounted} keeps quotas in files", "turn them into the quota feature first (tune2fs -O quota)"
        )
