"""The parsers of what hosts said, on output recorded from real ones."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostwright.lvm.facts.devices import Scratch
from hostwright.lvm.facts.mounts import MountUnit, fstab_lines
from hostwright.lvm.facts.storage import LvmStorage, parse_storage
from hostwright.lvm.facts.survey import Holder, LvmSurvey, parse_survey
from hostwright.lvm.file_systems import KINDS
from hostwright.lvm.plan.file_system import lags

FIXTURES = Path(__file__).parents[1] / "fixtures"


def read(name: str) -> list[str]:
    return (FIXTURES / name).read_text().splitlines()


def test_a_debian_12_host_with_xfs() -> None:
    host = parse_storage(read("storage_debian12_xfs.txt"))
    group = host.group("centos")
    assert group is not None
    assert (group.extent_size, group.extents, group.free, group.sequence) == (4194304, 2047, 0, 3)
    assert [(volume.name, volume.extents, volume.device) for volume in group.volumes] == [
        ("home", 1279, "253:1"),
        ("root", 768, "253:0"),
    ]
    assert group.volumes[0].disks == ("/dev/vda",)
    assert group.volumes[0].attributes == "-wi-ao----"
    own = [(volume.tags, volume.read_ahead, volume.allocation, volume.profile) for volume in group.volumes]
    assert own == [((), "auto", "inherit", "")] * 2
    home = host.file_systems["home"]
    assert (home.kind, home.mounted, home.size) == ("xfs", "/home", 5297405952)
    assert home.spans == 1279 * 4194304
    assert not lags(home, 1279 * 4194304, 4194304)
    assert lags(home, 1280 * 4194304, 4194304)
    assert [line.point for line in host.fstab] == ["/", "/home"]
    assert host.mounts[5].point == "/"
    assert host.scratch is not None
    assert host.scratch.holds == ()
    assert not host.job.running
    assert {"rsync", "lvm"} <= host.tools


def test_a_disk_that_a_lost_run_had_borrowed_is_known_by_its_uuid() -> None:
    host = parse_storage(
        [
            *("@@ lvm", '{"report": [{"pv": [{"pv_name":"/dev/vdb", "vg_name":"",'),
            '"pv_uuid":"hostwr-ight-0123-4567-89ab-cdef-012345"}, {"pv_name":"/dev/vdc", "vg_name":"",',
            '"pv_uuid":"1DIWfG-UUpr-NDx5-IpRl-Qei0-0QT4-qdbJSp"}], "pvseg": [{"pv_name":"/dev/vdb"}]}]}',
            *("@@ scratch", "KNAME=vdb", "SIZE=2147483648", "UUID=hostwr-ight-0123-4567-89ab-cdef-012345"),
            *("TYPE=LVM2_member", "SIGNATURE=0x218 LVM2_member"),
        ]
    )
    assert host.lent == ("/dev/vdb",)
    assert host.scratch == Scratch(True, "vdb", 2147483648, (), lent=True)


def test_a_new_xfs_is_made_as_the_old_one_was() -> None:
    home = parse_storage(read("storage_debian12_xfs.txt")).file_systems["home"]
    assert KINDS["xfs"].make_command(home.said, 2**31, 1000) == (
        *("mkfs.xfs", "-q", "-f", "-K", "-b", "size=4096"),
        *("-m", "crc=1,finobt=1,rmapbt=0,reflink=1,bigtime=1,inobtcount=1"),
        *("-i", "size=512,maxpct=25,sparse=1,nrext64=0", "-n", "size=4096"),
    )


def test_values_of_dumpe2fs() -> None:
    home = parse_storage(["@@ volume home", "TYPE=ext4", "@@ detail home", "Block size:               4096"])
    assert home.file_systems["home"].said["Block size"] == "4096"


def test_an_lvm2_without_json_is_told_apart() -> None:
    host = parse_storage(
        ["@@ host", "uid=0", "tool=lvm", "@@ lvm", "@@ lvm complaints", "  No such command fullreport"]
    )
    assert host.groups == ()
    assert "No such command" in host.lvm_error


def test_warnings_of_lvm_do_not_hide_its_report() -> None:
    lines = read("storage_debian12_xfs.txt")
    lines += ["@@ lvm complaints", "  WARNING: Couldn't find device with uuid xyz."]
    host = parse_storage(lines)
    assert host.group("centos") is not None
    assert "WARNING" in host.lvm_error


SURVEY = [
    *(
        "@@ files",
        "inodes=7",
        "entries=8",
        "allocated=16384",
        "largest=3526",
        "long=0",
        "encrypted=0",
        "verity=1",
        "paths=40",
        "complaints=0",
    ),
    *("@@ holders", "process\t812\tada\t-\tworking directory\tvim notes ", "swap file\t/home/swap"),
    *("@@ kernel", "@@ end"),
]


def test_who_holds_home() -> None:
    found = parse_survey(SURVEY)
    assert found
    assert (found.inodes, found.allocated, found.verity) == (7, 16384, 1)
    assert found.holders == (
        Holder("process", "vim notes", "812", "ada", "", "working directory"),
        Holder("swap file", "/home/swap"),
    )


@given(st.data())
def test_a_survey_that_was_cut_short_did_not_tell(data: st.DataObject) -> None:
    text = "\n".join(SURVEY)
    cut = text[: data.draw(st.integers(0, len(text) - 1))].split("\n")
    assert parse_survey(cut) is None


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("inodes=7", "inodes=0"),
        ("inodes=7", "inodes="),
        ("inodes=7", ""),
        ("entries=8", "entries=many"),
        ("allocated=16384", "allocated=16 384"),
        ("largest=3526", ""),
        ("long=0", ""),
        ("encrypted=0", ""),
        ("verity=1", "verity"),
        ("paths=40", ""),
        ("complaints=0", ""),
        ("complaints=0", "complaints=1"),
        ("@@ holders", "@@ holder"),
        ("swap file\t/home/swap", "swap file"),
        ("swap file\t/home/swap", "process\t812\tada"),
        ("@@ kernel", ""),
        ("@@ end", ""),
    ],
)
def test_a_survey_that_lacks_a_line_or_has_an_odd_one_did_not_tell(line: str, instead: str) -> None:
    assert parse_survey([instead if each == line else each for each in SURVEY]) is None


def test_what_could_not_be_read_and_what_nothing_tells_is_in_the_survey() -> None:
    told = [line for line in SURVEY if not line.startswith(("encrypted", "verity", "complaints"))]
    index = told.index("inodes=7")
    more = ["lsattr=missing", "unreadable=find: './x': Input/output error", "complaints=1"]
    found = parse_survey([*told[:index], *more, *told[index:]])
    assert found
    assert (found.encrypted, found.verity) == (None, None)
    assert found.unreadable == ("find: './x': Input/output error",)


def test_names_given_to_the_facts_cannot_leave_their_quotes() -> None:
    text = LvmStorage().text(vg="a'; touch /x; '", shrink="b")
    assert "touch /x" in text
    assert "'\"'\"'" in text
    assert "MOUNT='/home x'\n" in LvmSurvey().text(mount_point="/home x", device="dm-1")


def test_lines_of_fstab_as_systemd_reads_them() -> None:
    text = [
        "# /dev/x /commented ext4 defaults 0 0",
        "\t /dev/mapper/a\t/home/   xfs",
        "nas:/export //srv/./nas/ nfs4 _netdev",
        "UUID=a00d /my\\040data\\134x ext4 noauto 0 2 # more",
        "LABEL=my\\040swap none swap sw 0 0",
        "",
        "alone",
    ]
    told = ["/dev/dm-3", "/data/home", "/UUID=a00d", "/my\\040data\\134x", "/LABEL=my\\040swap", "/none"]
    assert [(line.spec, line.point, line.kind, line.options, line.real) for line in fstab_lines(text, told)] == [
        ("/dev/mapper/a", "/data/home", "xfs", "defaults", "/dev/dm-3"),
        ("nas:/export", "/srv/nas", "nfs4", "_netdev", ""),
        ("UUID=a00d", "/my data\\x", "ext4", "noauto", ""),
        ("LABEL=my swap", "none", "swap", "sw", ""),
    ]
    # What is cut short tells nothing.
    cut = fstab_lines(text, told[:5])[0]
    assert (cut.point, cut.real) == ("/home", "")


def test_the_unit_that_mounts_home() -> None:
    def unit(*lines: str) -> MountUnit:
        return parse_storage(["@@ unit", *lines]).unit

    native = "/etc/systemd/system/home.mount"
    generated = "/run/systemd/generator/home.mount"
    drop_in = "/etc/systemd/system/home.mount.d/10-x.conf"
    assert unit(f"FragmentPath={generated}", f"SET={generated}:What=/dev/x", "DropInPaths=") == MountUnit()
    assert unit("FragmentPath=") == unit() == MountUnit()
    assert unit("UNKNOWN=yes") == MountUnit(known=False)
    assert unit(
        f"FragmentPath={native}", f"SET={native}:What=/dev/x", f"SET={native}: Options = nodev,x=y"
    ) == MountUnit(path=native, options="nodev,x=y")
    assert unit(f"FragmentPath={generated}", f"SET={drop_in}:Options=nodev") == MountUnit(options="nodev")
    assert unit(f"FragmentPath={generated}", f"SET={drop_in}:What=/dev/y") == MountUnit(path=drop_in)


def test_what_lvm_conf_allows_to_be_active() -> None:
    def active(*lines: str) -> object:
        return parse_storage(["@@ activation", *lines]).active

    assert active() == ()
    assert active("LISTED=yes") is None
    assert active("LISTED=yes", 'volume_list=["centos/home", "@tag"]', 'auto_activation_volume_list="centos"') == (
        ("centos/home", "@tag"),
        ("centos",),
    )
