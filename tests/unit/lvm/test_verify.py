"""How much room a file system may leave unused, read from what its own tool prints."""

from hostwright.lvm.file_systems import KINDS
from hostwright.lvm.file_systems.kind import MIB
from hostwright.lvm.verify.file_system import extent

XFS = """\
meta-data=/dev/mapper/centos-home isize=512    agcount=4, agsize=327424 blks
         =                       sectsz=512   attr=2, projid32bit=1
         =                       crc=1        finobt=1, sparse=1, rmapbt=0
         =                       reflink=1    bigtime=1 inobtcount=1 nrext64=0
data     =                       bsize=4096   blocks=1309696, imaxpct=25
         =                       sunit=0      swidth=0 blks
naming   =version 2              bsize=4096   ascii-ci=0, ftype=1
log      =internal log           bsize=4096   blocks=16384, version=2
         =                       sectsz=512   sunit=0 blks, lazy-count=1
realtime =none                   extsz=4096   blocks=0, rtextents=0
"""

EXT4 = """\
Filesystem volume name:   <none>
Filesystem features:      has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg
Block count:              262144
Reserved block count:     13107
First block:              0
Block size:               4096
Group descriptor size:    64
Reserved GDT blocks:      127
Blocks per group:         32768
Inode blocks per group:   512
Filesystem created:       Mon Nov 23 07:35:28 2026
"""

BTRFS = """\
Label: none  uuid: 6abd4c03-a090-4036-b106-4454e9365a98
\tTotal devices 1 FS bytes used 147456
\tdevid    1 size 1073741824 used 132513792 path /dev/mapper/centos-home

"""


def test_xfs_leaves_less_than_the_smallest_allocation_group() -> None:
    assert extent(KINDS["xfs"], XFS) == (1309696 * 4096, 64 * 4096)


def test_striped_xfs_leaves_less_than_what_mkfs_takes_for_a_group() -> None:
    assert extent(KINDS["xfs"], XFS.replace("sunit=0      swidth=0", "sunit=16     swidth=32")) == (
        1309696 * 4096,
        16 * MIB,
    )


def test_ext_leaves_less_than_a_group_whose_tables_would_fill_it() -> None:
    # Superblock, two bitmaps, a block of descriptors, 127 reserved ones, 512 of inodes, and 50.
    assert extent(KINDS["ext4"], EXT4) == (1024 * MIB, (3 + 1 + 127 + 512 + 50) * 4096)


def test_btrfs_leaves_less_than_a_sector() -> None:
    assert extent(KINDS["btrfs"], BTRFS) == (1024 * MIB, 4096)
