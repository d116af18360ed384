"""LVM's volume groups, logical volumes and physical volumes.

Sources: vgs(8), lvs(8), pvs(8), lvmreport(7).
"""

import re

from hostwright.base.verify import Host, lines, output, succeeds


class VolumeGroup:
    """Test a volume group

    >>> VolumeGroup(host, "centos").exists
    True
    """

    def __init__(self, host: Host, name: str) -> None:
        self.host = host
        self.name = name

    def __repr__(self) -> str:
        return f"<volume group {self.name}>"

    @property
    def exists(self) -> bool:
        return succeeds(self.host, "vgs %s", self.name)

    @property
    def extent_size(self) -> int:
        """Bytes in an extent

        >>> VolumeGroup(host, "centos").extent_size
        4194304
        """
        return int(self._field("vg_extent_size"))

    @property
    def extents(self) -> int:
        """Extents in the whole group

        >>> VolumeGroup(host, "centos").extents
        2047
        """
        return int(self._field("vg_extent_count"))

    @property
    def free_extents(self) -> int:
        """Extents that belong to no volume

        >>> VolumeGroup(host, "centos").free_extents
        0
        """
        return int(self._field("vg_free_count"))

    @property
    def logical_volumes(self) -> list["LogicalVolume"]:
        """The volumes in the group, also those that LVM keeps for itself

        >>> VolumeGroup(host, "centos").logical_volumes
        [<logical volume centos/home>, <logical volume centos/root>]
        """
        names = lines(self.host, "lvs -a --noheadings -o lv_name %s", self.name)
        return [LogicalVolume(self.host, self.name, name.strip("[]")) for name in names]

    @property
    def physical_volumes(self) -> list["PhysicalVolume"]:
        """The disks of the group

        >>> VolumeGroup(host, "centos").physical_volumes
        [<physical volume /dev/sda2>]
        """
        names = lines(self.host, "vgs --noheadings -o pv_name %s", self.name)
        return [PhysicalVolume(self.host, name) for name in names]

    def _field(self, name: str) -> str:
        return output(self.host, f"vgs --noheadings --nosuffix --units b -o {name} %s", self.name).strip()


class LogicalVolume:
    """Test a logical volume

    >>> LogicalVolume(host, "centos", "home").exists
    True
    """

    def __init__(self, host: Host, group: str, name: str) -> None:
        self.host = host
        self.group = group
        self.name = name

    def __repr__(self) -> str:
        return f"<logical volume {self.group}/{self.name}>"

    @property
    def exists(self) -> bool:
        return succeeds(self.host, "lvs %s", f"{self.group}/{self.name}")

    @property
    def path(self) -> str:
        """The name of its device

        >>> LogicalVolume(host, "centos", "home").path
        '/dev/centos/home'
        """
        return f"/dev/{self.group}/{self.name}"

    @property
    def size(self) -> int:
        """Bytes

        >>> LogicalVolume(host, "centos", "home").size
        53687091200
        """
        return int(self._fields("lv_size")[0])

    @property
    def extents(self) -> int:
        """Size in extents of its group

        >>> LogicalVolume(host, "centos", "home").extents
        12800
        """
        size, extent_size = self._fields("lv_size,vg_extent_size")[0].split()
        return int(size) // int(extent_size)

    @property
    def segment_types(self) -> list[str]:
        """How each of its segments is laid out, from its start on

        >>> LogicalVolume(host, "centos", "home").segment_types
        ['linear', 'striped']
        """
        return self._fields("segtype")

    @property
    def disks(self) -> list[str]:
        """What it lies on, in no order: physical volumes, or hidden volumes such as those of a RAID

        >>> LogicalVolume(host, "centos", "home").disks
        ['/dev/sda2', '/dev/sdb']
        """
        devices = (device for segment in self._fields("devices") for device in segment.split(","))
        return sorted({re.sub(r"\(\d+\)$", "", device) for device in devices})

    @property
    def tags(self) -> list[str]:
        """Its tags, in no order

        >>> LogicalVolume(host, "centos", "home").tags
        []
        """
        return [tag for line in self._fields("lv_tags") for tag in line.split(",")]

    def _fields(self, names: str) -> list[str]:
        command = f"lvs -a --noheadings --nosuffix --units b -o {names} %s"
        return lines(self.host, command, f"{self.group}/{self.name}")


class PhysicalVolume:
    """Test a disk or partition that is a physical volume

    >>> PhysicalVolume(host, "/dev/sda2").exists
    True
    """

    def __init__(self, host: Host, name: str) -> None:
        self.host = host
        self.name = name

    def __repr__(self) -> str:
        return f"<physical volume {self.name}>"

    @property
    def exists(self) -> bool:
        return succeeds(self.host, "pvs %s", self.name)

    @property
    def group(self) -> str:
        """The volume group it belongs to, empty when it belongs to none

        >>> PhysicalVolume(host, "/dev/sda2").group
        'centos'
        """
        return self._field("vg_name")

    @property
    def extents(self) -> int:
        """Extents it has

        >>> PhysicalVolume(host, "/dev/sda2").extents
        2047
        """
        return int(self._field("pv_pe_count"))

    @property
    def free_extents(self) -> int:
        """Extents on it that belong to no volume

        >>> PhysicalVolume(host, "/dev/sda2").free_extents
        0
        """
        return int(self._field("pv_pe_count")) - int(self._field("pv_pe_alloc_count"))

    @property
    def tags(self) -> list[str]:
        """Its tags, in no order

        >>> PhysicalVolume(host, "/dev/sda2").tags
        []
        """
        return [tag for tag in self._field("pv_tags").split(",") if tag]

    def _field(self, name: str) -> str:
        return output(self.host, f"pvs --noheadings --nosuffix --units b -o {name} %s", self.name).strip()
