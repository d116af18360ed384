"""What a volume group and a volume must be like, whatever is to be done with them."""

from hostwright.base.refusal import Refusal
from hostwright.lvm.facts.groups import Group, Volume
from hostwright.lvm.facts.storage import Storage

LAYOUTS = {"linear", "striped"}


def check_host(storage: Storage) -> None:
    if storage.host.get("uid") != "0":
        raise Refusal(f"not root on this host (uid {storage.host.get('uid')}): connect as root, or with --sudo")
    if "lvm" in storage.tools and not storage.groups and storage.lvm_error:
        raise Refusal(
            "lvm2 on this host gives no JSON reports (it needs lvm2 2.02.158 or newer, CentOS 7.3): "
            f"update it first. It says: {storage.lvm_complaint}"
        )
    if "lvm" in storage.tools and not (storage.lvm_told or any(group.partial for group in storage.groups)):
        raise Refusal(
            f"LVM does not tell all of what this host has; it says {storage.lvm_complaint!r}: see `lvm fullreport`"
        )


def usable_group(storage: Storage, name: str) -> Group:
    check_host(storage)
    if "lvm" not in storage.tools:
        raise Refusal("lvm2 is not installed on this host: there is no volume group to work on")
    group = storage.group(name)
    if group is None:
        there = ", ".join(found.name for found in storage.groups) or "none"
        raise Refusal(f"no volume group {name!r} here (lvm_vg); there are: {there}")
    if group.exported:
        raise Refusal(f"volume group {group.name} is exported: vgimport {group.name} first")
    if group.partial:
        gone = ", ".join(disk.uuid for disk in group.disks if disk.missing) or "unknown"
        raise Refusal(
            f"volume group {group.name} is partial, a physical volume is missing ({gone}): bring it back first"
        )
    if group.clustered:
        raise Refusal(f"volume group {group.name} is shared with other hosts: that is not supported")
    return group


def check_layout(group: Group, volume: Volume) -> None:
    name = f"{group.name}/{volume.name}"
    for role in ("snapshot", "origin", "thinorigin", "thicksnapshot", "merging"):
        if any(role in word for word in volume.role):
            raise Refusal(
                f"{name} is part of a snapshot ({', '.join(volume.role)}): remove or merge its snapshots first (lvs -a)"
            )
    odd = (set(volume.layout) | set(volume.segment_types)) - LAYOUTS
    if odd:
        raise Refusal(
            f"{name} is {', '.join(sorted(odd))}: only linear and striped volumes are moved; "
            "thin, RAID, mirrored, cached, writecache and VDO volumes are not"
        )
    if not volume.device:
        raise Refusal(f"{name} is not active: lvchange -ay {name} first")
