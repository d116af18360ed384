"""Turns a started machine into another kind of host: another file system on /home, free space in its group, ..."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from tests.lab.machine import Machine

FileSystem = Literal["xfs", "ext4", "ext3", "btrfs"]
MountBy = Literal["device", "UUID", "LABEL"]

# ext4's own first mount would go on initializing inode tables for minutes, and change the disk under a test.
_MKFS: Mapping[FileSystem, str] = MappingProxyType(
    {
        "xfs": "mkfs.xfs -q -f -L home",
        "ext4": "mkfs.ext4 -q -F -L home -E lazy_itable_init=0,lazy_journal_init=0",
        "ext3": "mkfs.ext3 -q -F -L home -E lazy_itable_init=0,lazy_journal_init=0",
        "btrfs": "mkfs.btrfs -q -f -L home",
    }
)


def prepare(
    machine: Machine,
    *,
    home_fs: FileSystem = "xfs",
    home_size: str | None = None,
    root_size: str | None = None,
    free: str | None = None,
    mount_by: MountBy = "device",
) -> None:
    """Make /home anew, with the people's directories as they were.

    + home_fs: its file system
    + home_size: the size of its volume, as `lvcreate -L` takes it; by default all that the group has
    + root_size: the size of root, if the disk has been made larger
    + free: how much to leave free in the group, as `lvreduce -L` takes it; instead of home_size
    + mount_by: how /etc/fstab names it
    """
    if home_size and free:
        raise ValueError("home_size and free exclude each other")
    size = f"-L {home_size}" if home_size else "-l 100%FREE"
    reduce = f"lvreduce -q -y -L -{free} centos/home" if free else ":"
    grow = f"pvresize -q /dev/vda; lvextend -q -r -L {root_size} centos/root" if root_size else ":"
    machine.succeed(
        f"""
        set -eu
        tar -c -f /root/home.tar --exclude=./lost+found -C /home .
        umount /home
        lvremove -q -y centos/home
        {grow}
        lvcreate -q -y -n home {size} -W y centos
        {reduce}
        {_MKFS[home_fs]} /dev/mapper/centos-home
        case {mount_by} in
            UUID) device=UUID=$(blkid -o value -s UUID /dev/mapper/centos-home) ;;
            LABEL) device=LABEL=home ;;
            *) device=/dev/mapper/centos-home ;;
        esac
        sed -i '/[[:space:]]\\/home[[:space:]]/d' /etc/fstab
        echo "$device /home {home_fs} defaults 0 0" >> /etc/fstab
        systemctl daemon-reload
        udevadm settle
        mount /home
        tar -x -f /root/home.tar -C /home
        rm /root/home.tar
        """
    )
