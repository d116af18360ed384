"""What a volume group and a volume must be like, whatever is to be done with them."""

from hostwright.base.refusal import Refusal
from hostwright.lvm.facts.groups import Group, Volume
from hostwright.lvm.facts.storage import Storage

LAYOUTS = {"linear", "striped"}


def check_host(storage: Storage) -> None:
    if storage.host.get("uid") != "0":
        raise Refusal(f"not root on this host (uid {storage.host.get('uid')})", "connect as root, or with --sudo")
    if "lvm" in storage.tools and not storage.groups and storage.lvm_error:
        raise Refusal(
            "lvm2 on this host gives no JSON reports (lvm2 2.02.158, CentOS 7.3, and newer do), and says "
            f"{storage.lvm_complaint!r}",
            "update it first",
        )
    if "lvm" in storage.tools and not (storage.lvm_told or any(group.partial for group in storage.groups)):
        raise Refusal(
            f"LVM does not tell all of what this host has, and says {storage.lvm_complaint!r}",
            "see `lvm fullreport`, and put right what it complains of",
        )


def usable_group(storage: Storage, name: str, key: str = "") -> Group:
    """
    + key: that asks for the group, where it may not be there
    """
    check_host(storage)
    if "lvm" not in storage.tools:
        raise Refusal("lvm2 is not installed on this host", "make the volume group first", key=key, value=name)
    group = storage.group(name)
    if group is None:
        there = ", ".join(found.name for found in storage.groups)
        remedy = f"name one of those that are there: {there}" if there else "make it first, there is none"
        raise Refusal("no volume group of this host", remedy, key=key, value=name)
    if group.exported:
        raise Refusal(f"volume group {group.name} is exported", f"`vgimport {group.name}` first")
    if group.partial:
        gone = ", ".join(disk.uuid for disk in group.disks if disk.missing) or "unknown"
        raise Refusal(
            f"volume group {group.name} is partial, a physical volume is missing ({gone})",
            "bring it back first: connect its disk again",
        )
    if group.clustered:
        raise Refusal(f"volume group {group.name} is shared with other hosts", "name one that this host has alone")
    return group


def check_layout(group: Group, volume: Volume) -> None:
    name = f"{group.name}/{volume.name}"
    for role in ("snapshot", "origin", "thinorigin", "thicksnapshot", "merging"):
        if any(role in word for word in volume.role):
            raise Refusal(
                f"{name} is part of a snapshot ({', '.join(volume.role)})",
                "remove or merge its snapshots first (`lvs -a` lists them)",
            )
    odd = (set(volume.layout) | set(volume.segment_types)) - LAYOUTS
    if odd:
        raise Refusal(
            f"{name} is {', '.join(sorted(odd))}, and only linear and striped volumes are changed",
            "name one that is: thin, RAID, mirrored, cached, writecache and VDO volumes are not",
        )
    if not volume.device:
        raise Refusal(f"{name} is not active", f"`lvchange -ay {name}` first")
