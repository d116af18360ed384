"""What a step tells the tools, in order: where one of them fails or says nothing, none of those after it is run."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hostwright.base.scripts import FILES, read, resolved, whole
from hostwright.lvm.operations.job import LIBRARY
from tests.scripts import script

TOOLS = (
    *(
        "blkdiscard",
        "blkid",
        "blockdev",
        "btrfs",
        "btrfstune",
        "chattr",
        "chcon",
        "dd",
        "dmsetup",
        "e2fsck",
        "fallocate",
    ),
    *("losetup", "lsattr", "lvchange", "lvcreate", "lvextend", "lvm", "lvreduce", "lvremove", "lvrename", "mke2fs"),
    *("mkfs.btrfs", "mkfs.xfs", "mkswap", "mount", "pvchange", "pvcreate", "pvremove", "resize2fs", "setfattr"),
    *("swapoff", "swapon", "tune2fs", "udevadm", "vgchange", "vgcreate", "vgextend", "vgreduce", "vgremove", "wipefs"),
    *("xfs_admin", "xfs_growfs", "xfs_repair"),
)
# Each notes what it was told, then answers as the test has it, but for the one that fails or says nothing.
TOOL = """#!/bin/sh
echo "{name}${{*:+ $*}}" | sed "s|{place}|PLACE|g; s/hostwr-ight-[0-9a-f-][0-9a-f-]*/hostwr-ight-N/" >>{place}/told
[ "$(wc -l <{place}/told)" != "$AT" ] || {{ [ "$FAULT" = silent ] || {{ echo no >&2; exit 5; }}; exit 0; }}
case "{name} $*" in
{answers}
esac
"""
# Of the library, what looks at the kernel's own files, and is tested where that is real.
AROUND = """
volume() { echo "/none/$1"; }
device_at() { :; }
number_of() { echo 7:7; }
only_root() { :; }
watch() { :; }
unwatch() { :; }
sleep() { :; }
sync() { :; }
settle() { :; }
# A function of the library that is tested by itself, noted as a tool is.
act() {
    echo "$*" >>"$RUN/told"
    [ "$(wc -l <"$RUN/told")" != "$AT" ] || why "$1 failed"
}
"""
HEADER = {
    "VG": "centos",
    "LV": "home",
    "COPY": "home_hostwright",
    "MOUNT": "/none/home",
    "KIND": "xfs",
    "OPTIONS": "defaults",
}
HEADER |= {"UUID": "a-b", "LABEL": "people", "TAGS": "", "READ_AHEAD": "auto", "ALLOCATION": "inherit", "PROFILE": ""}
HEADER |= {"SERVED": "home", "QUOTA": "", "IMAGE": "", "BUSY": "refuse", "LOGIN": "1", "PROOF": "", "TRUST": "no"}
HEADER |= {"ID": "1", "STEPS": "1", "LOCK": "deploy", "OWNER": "me", "CONNECTION": "no", "LOG": "/dev/null"}
HEADER |= {"ORIGINAL": "", "MARKER": "", "DOING": "", "WAIT": "0", "LEASE": "1"}

# What the tools say of a group with a home, its copy and a lent disk.
HOME = "centos-home"
ANSWERS = {
    "dmsetup info*": "echo other-volume",
    "lvm lvs -o lv_name,lv_tags centos/home_hostwright*": "echo home_hostwright hostwright.copy,hostwright.new",
    "lvm lvs -o lv_name,lv_tags centos/home *": "echo home",
    "lvm lvs -o vg_uuid,lv_uuid*": "echo abc def",
    "lvm lvs -o lv_name -S*": ":",
    "lvm vgs -o lv_count*": "echo 2",
    "lvm lvs -o lv_name *": "echo home; echo home_hostwright",
    "lvm pvs -o pv_uuid,vg_name*": "echo hostwr-ight-1 centos",
    "lvm pvs -o pv_tags*": "echo hostwright.wipe.5242880",
    "lvm pvs -o pv_name*": ":",
    "lvm pvs -o vg_name*": ":",
    "lvm pvs -o pv_pe_alloc_count*": "echo 0",
    "lvreduce --help": "echo ' [ --fs String ]'",
    "blockdev --getsize64*": "echo 10485760",
    "blkid -p -o value -s UUID*": "echo a-b",
    "blkid -p -o export*": "exit 2",
    "losetup -f --show*": "echo /dev/loop7",
    "losetup -j*": ":",
}
UNPOLLED = "--config global { use_lvmpolld = 0 }"
HAS_TAG = "lvm lvs -o lv_name,lv_tags centos/home_hostwright --noheadings"
CLOSED = "dmsetup info -c --noheadings -o name"
UUIDS = "lvm lvs -o vg_uuid,lv_uuid centos/{} --noheadings"
HAS_VOLUME = ["lvm vgs -o lv_count centos --noheadings", "lvm lvs -o lv_name centos --noheadings"]


FREEZING = """
make_room() { act make_room; }
note_quotas() { act note_quotas; }
device_at() { echo 8:7; }
awk() { [ "$1 $2" != '-v device=8:7' ] || set -- "$1" "$2" "$3" "$RUN/mountinfo"; command awk "$@"; }
echo '1 2 8:7 / /none/home ro - xfs /none/x ro' >"$RUN/mountinfo"
"""
COUNTING = """
target_device() { device=/dev/x; }
dumpe2fs() { act dumpe2fs "$2"; echo "Filesystem features: $feature"; }
mount_work() { act mount_work "$1"; }
entries() { :; }
count_listed() { inodes=3; }
used_inodes() { echo 14; }
unmount() { act unmount; }
"""


@dataclass(frozen=True)
class Case:
    """
    + told: what the tools are told when all goes well. `? `: to say nothing is a failure, too; `~ `: may fail
    """

    call: str
    told: list[str]
    header: dict[str, str] = field(default_factory=dict)
    around: str = ""
    answers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.call.replace("/", "-"), *self.header.values()])


CASES = [
    # -- a volume becomes smaller in place
    Case("reduce_volume home 512", [CLOSED, "~ lvreduce --help", "lvreduce -f -y --fs ignore -l 512 centos/home"]),
    Case(
        "reduce_volume home 512",
        [CLOSED, "~ lvreduce --help", "lvreduce -f -y -l 512 centos/home"],
        answers={"lvreduce --help": ":"},
    ),
    Case(
        "shrink_ext 1000",
        ["e2fsck -f -p /none/home", "resize2fs /none/home 1000K", "e2fsck -f -n /none/home"],
    ),
    Case("shrink_btrfs 1000", ["btrfs filesystem resize 1000 /none/home"]),
    # -- and larger
    Case("extend_volume root 512", ["lvextend -y -l 512 centos/root"]),
    Case("extend_volume root 512 1", ["lvextend -y -i 1 -l 512 centos/root"]),
    Case("grow_file_system root xfs /", ["xfs_growfs /"]),
    Case("grow_file_system root ext4 /", ["resize2fs /none/root"]),
    Case("grow_file_system root btrfs /", ["btrfs filesystem resize max /"]),
    Case("swap_off swap", ["swapoff /none/swap"]),
    Case("make_swap swap a-b", ["mkswap -U a-b /none/swap"]),
    Case("swap_on swap", ["swapon /none/swap"]),
    # -- volumes, one for another
    Case("remove_volume home", [CLOSED, "lvremove -f centos/home"]),
    Case("rename_volume home_hostwright home", ["lvrename centos home_hostwright home"]),
    Case(
        "set_identity home_hostwright",
        [
            *(
                CLOSED,
                "xfs_admin -U a-b /none/home_hostwright",
                "xfs_admin -L people /none/home_hostwright",
            ),
            *("~ udevadm trigger --settle ",),
            "? blkid -p -o value -s UUID /none/home_hostwright",
        ],
        around="list_looks() { cp $LISTS/looks $2; }\necho look >$LISTS/looks",
    ),
    Case(
        "set_identity home_hostwright",
        [
            *(CLOSED, "tune2fs -U a-b /none/home_hostwright", "tune2fs -L people /none/home_hostwright"),
            *("~ udevadm trigger --settle ",),
            "? blkid -p -o value -s UUID /none/home_hostwright",
        ],
        header={"KIND": "ext4"},
        around="list_looks() { cp $LISTS/looks $2; }\necho look >$LISTS/looks",
    ),
    Case(
        "set_identity home_hostwright",
        [
            *(CLOSED, "btrfstune -f -M a-b /none/home_hostwright"),
            *("btrfs filesystem label /none/home_hostwright people",),
            *("~ udevadm trigger --settle ",),
            "? blkid -p -o value -s UUID /none/home_hostwright",
        ],
        header={"KIND": "btrfs"},
    ),
    Case(
        "take_away",
        ["unmount_work", "make_room", "cover", "unmount /none/home", "closed /dev/dm-1", "check_file_system /dev/dm-1"],
        around="source_of() { echo /dev/dm-1; }\n"
        + "\n".join(
            f'{name}() {{ act {name} "$@"; }}'
            for name in ("unmount_work", "make_room", "cover", "unmount", "closed", "check_file_system")
        ),
    ),
    Case(
        "serve_volume home",
        [f"? {UUIDS.format('home')}", "point_to /dev/disk/by-id/dm-uuid-LVM-abcdef defaults home"],
        around='point_to() { act point_to "$@"; }',
    ),
    Case("freeze", ["make_room", "note_quotas"], around=f"{FREEZING}mount() {{ :; }}"),
    # -- what makes room for a copy, and the copy's file system
    Case(
        "borrow_disk /none/vdb 5",
        [
            "pvcreate -y --norestorefile --uuid hostwr-ight-N /none/vdb",
            *("vgextend centos /none/vdb", "pvchange --addtag hostwright.wipe.5 /none/vdb"),
        ],
    ),
    Case(
        "make_image $RUN/hostwright/x.img 4096",
        ["fallocate -l 4096 PLACE/hostwright/x.img", "~ chcon -t mount_loopback_t PLACE/hostwright/x.img"],
    ),
    Case(
        "make_file_system home_hostwright mkfs.xfs -q",
        [f"? {HAS_TAG}", CLOSED, "mkfs.xfs -q /none/home_hostwright"],
    ),
    Case(
        "make_file_system $RUN/x.img mke2fs -q",
        [
            *("~ losetup -j PLACE/x.img", "losetup -f --show PLACE/x.img"),
            "~ losetup --direct-io=on /dev/loop7",
            "mke2fs -q /dev/loop7",
        ],
        around=": >$RUN/x.img; stat() { echo xfs; }",
    ),
    Case("check_file_system /none/x", ["xfs_repair -n /none/x"]),
    Case("check_file_system /none/x", ["e2fsck -f -n /none/x"], header={"KIND": "ext4"}),
    Case("check_file_system /none/x", ["btrfs check --readonly /none/x"], header={"KIND": "btrfs"}),
    Case('count_own home && [ "$own" = 11 ]', ["mount_work home", "unmount"], around=COUNTING),
    Case('count_own home && [ -z "$own" ]', [], header={"QUOTA": "prjquota"}, around=COUNTING),
    Case('count_own home && [ -z "$own" ]', [], header={"KIND": "btrfs"}, around=COUNTING),
    Case(
        'count_own home && [ "$own" = 11 ]',
        ["~ dumpe2fs /dev/x", "mount_work home", "unmount"],
        header={"KIND": "ext4"},
        around=f"{COUNTING}feature=extents",
    ),
    Case(
        'count_own home && [ -z "$own" ]',
        ["~ dumpe2fs /dev/x"],
        header={"KIND": "ext4"},
        around=f"{COUNTING}feature=ea_inode",
    ),
    # -- what a run leaves
    Case("clear_tags home_hostwright", [f"? {HAS_TAG}", "lvchange --deltag hostwright.copy centos/home_hostwright"]),
    Case(
        "remove_image $RUN/x.img",
        ["~ losetup -j PLACE/x.img", "losetup -j PLACE/x.img"],
        around=": >$RUN/x.img",
    ),
    Case(
        "discard home_hostwright",
        [
            *(HAS_VOLUME[0], f"? {HAS_VOLUME[1]}"),
            *(f"? {UUIDS.format('home_hostwright')}", f"? {HAS_TAG}", CLOSED, "lvremove -f centos/home_hostwright"),
            'lvm pvs -o pv_name -S pv_uuid=~^hostwr-ight- && (vg_name=centos || vg_name="") --noheadings',
        ],
        around="named_in_fstab() { return 1; }",
    ),
    # -- a lent disk is given back
    Case(
        "give_back /none/vdb",
        [
            "? lvm pvs -o pv_uuid,vg_name /none/vdb --noheadings",
            *("pvchange -x n /none/vdb", "vgreduce centos /none/vdb", "pvremove -y /none/vdb"),
            *("dd if=/dev/zero of=/none/vdb bs=1M count=1 conv=fsync", "wipefs -a /none/vdb"),
        ],
        around="move_away() { :; }\nwipe_lent() { :; }",
    ),
    Case(
        "move_away /none/vdb",
        [
            "lvm lvs -o lv_name -S vg_name=centos && lv_name=~^pvmove.*_mimage_ && segtype=error --noheadings",
            "lvm pvs -o pv_pe_alloc_count /none/vdb --noheadings",
        ],
    ),
    Case(
        "move_away /none/vdb",
        [
            "lvm lvs -o lv_name -S vg_name=centos && lv_name=~^pvmove.*_mimage_ && segtype=error --noheadings",
            "lvremove -f centos/pvmove0_mimage_1",
            "lvm pvs -o pv_pe_alloc_count /none/vdb --noheadings",
            "? lvm pvs --nosuffix --units b -o pv_used /none/vdb --noheadings",
            f"~ lvm pvmove {UNPOLLED} --atomic -i +86400 /none/vdb",
            "~ lvm lvs -a --noheadings -o lv_name,copy_percent centos",
            "? lvm pvs -o pv_name -S vg_name=centos --noheadings",
            "dd if=/dev/null of=/none/vda conv=notrunc,fsync",
            "dd if=/dev/null of=/none/vdb conv=notrunc,fsync",
            f"~ lvm pvmove {UNPOLLED} -i 1 /none/vdb",
            "? lvm pvs -o pv_pe_alloc_count /none/vdb --noheadings",
        ],
        around='sleep() { until grep -q pvmove.*86400 "$RUN/told"; do command sleep 0.02; done; }',
        answers={
            "lvm lvs -o lv_name -S*": "echo pvmove0_mimage_1",
            "lvm pvs -o pv_pe_alloc_count*": 'if grep -q "i 1 /none" "${0%/*}/../told"; then echo 0; else echo 5; fi',
            "lvm pvs --nosuffix*": "echo 4194304",
            "lvm pvs -o pv_name -S*": "echo /none/vda; echo /none/vdb",
            "lvm pvmove*86400*": "exec sleep 60",
            "lvm lvs -a *": "echo '[pvmove0] 100.00'",
        },
    ),
    Case(
        "wipe_lent /none/vdb",
        [
            *("? blockdev --getsize64 /none/vdb", "lvm pvs -o pv_tags /none/vdb --noheadings"),
            "~ blkdiscard -z -o 1048576 -l 4194304 /none/vdb",
        ],
        around="cmp() { :; }",
    ),
    # -- blocks
    Case(
        "remove_physical_volume /none/vdb",
        [
            "lvm pvs -o vg_name /none/vdb --noheadings",
            *("pvremove /none/vdb", "dd if=/dev/zero of=/none/vdb bs=1M count=1 conv=fsync"),
        ],
    ),
    Case("make_group 4194304 /none/vdb /none/vdc", ["vgcreate -s 4194304b centos /none/vdb /none/vdc"]),
    Case("extend_group /none/vdb", ["vgextend centos /none/vdb"]),
    Case("remove_group", ["vgremove centos"]),
    Case(
        "create_volume new 3 hostwright.new /none/vdb",
        ["lvcreate -y -Wy -Zy -l 3 -n new --addtag hostwright.new centos /none/vdb"],
    ),
    Case(
        "format_volume home_hostwright xfs",
        [
            *(CLOSED, f"? {HAS_TAG}", "mkfs.xfs -q /none/home_hostwright"),
            *(f"? {HAS_TAG}", "lvchange --deltag hostwright.new centos/home_hostwright"),
        ],
        around="is_blank() { :; }",
    ),
    Case(
        "mount_volume data ext4 defaults $RUN/data",
        ["mount -t ext4 -o defaults /dev/mapper/centos-data PLACE/data"],
    ),
]


def run(place: Path, case: Case, at: int = 0, fault: str = "failing") -> tuple[int, str, list[str]]:
    """Exit code, reason, and what the tools were told; the one at that place fails, or says nothing."""
    (place / "told").write_text("")
    header = HEADER | {"RUN": str(place), "WORK": str(place / "work"), "LISTS": str(place / "lists")} | case.header
    text = script(file_of(case.call.split()[0]), **header).replace("/proc/sys/vm/drop_caches", "/dev/null")
    # A shell with tools of its own would really run them.
    own = f'PATH={place}/bin:$PATH; [ "$(command -v dd)" = {place}/bin/dd ] || exit 99'
    lines = [text, f"LISTS={place}/lists", own, AROUND, case.around, case.call]
    lines += ["code=$?", 'echo "$reason"', "exit $code"]
    done = subprocess.run(
        ["sh"],
        input=whole("\n".join(lines)),
        env=os.environ | {"AT": str(at), "FAULT": fault},
        check=False,
        timeout=30,
        capture_output=True,
        text=True,
    )
    return done.returncode, (done.stdout + done.stderr).strip(), (place / "told").read_text().splitlines()


def file_of(function: str) -> str:
    return next(name for name, file in resolved(LIBRARY).items() if f"\n{function}() {{" in file.text)


def equip(place: Path, case: Case) -> None:
    for name in ("bin", "lists"):
        (place / name).mkdir()
    answers = "\n".join(f"{quoted(what)}) {how} ;;" for what, how in (case.answers | ANSWERS | case.answers).items())
    for name in TOOLS:
        (place / "bin" / name).write_text(TOOL.format(name=name, place=place, answers=answers))
        (place / "bin" / name).chmod(0o755)


def quoted(pattern: str) -> str:
    return "*".join(f"'{part}'" if part else "" for part in pattern.split("*"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_where_one_fails_or_says_nothing_none_of_those_after_it_is_run(tmp_path: Path, case: Case) -> None:
    equip(tmp_path, case)
    expected = [line.removeprefix("? ").removeprefix("~ ") for line in case.told]
    code, reason, told = run(tmp_path, case)
    assert (code, told) == (0, expected), reason
    for number, line in enumerate(case.told, 1):
        for fault in ("failing", "silent") if line.startswith("? ") else ("failing",):
            if line.startswith("~ "):
                continue
            code, reason, told = run(tmp_path, case, number, fault)
            assert code != 0, f"{line}: {fault}"
            assert told == expected[:number], f"{line}: {fault}"
            assert reason, f"{line}: {fault}"


NOT_OURS = {HAS_TAG: "echo home_hostwright web"}
NAMED = 'named_in_fstab() { [ "$1" = /dev/disk/by-id/dm-uuid-LVM-abcdef ]; }'
DISCARDED = [*HAS_VOLUME, UUIDS.format("home_hostwright")]
IDENTIFIED = [
    *(CLOSED, "xfs_admin -U a-b /none/home_hostwright", "xfs_admin -L people /none/home_hostwright"),
    *("udevadm trigger --settle ", "blkid -p -o value -s UUID /none/home_hostwright"),
]
LEFT = [
    # What has no tag of ours, or holds something, is not formatted.
    (Case("make_file_system home_hostwright mkfs.xfs", [HAS_TAG], answers=NOT_OURS), "has no tag of ours"),
    (
        Case(
            "format_volume home_hostwright xfs",
            [CLOSED, HAS_TAG],
            around='is_blank() { :; }\nhead() { [ "$1" = -c ] && echo text || command head "$@"; }',
            answers=NOT_OURS,
        ),
        "has data in its first MiB",
    ),
    (
        Case("format_volume home_hostwright xfs", [CLOSED], around="is_blank() { why 'it holds something'; }"),
        "holds something",
    ),
    # What is home now, is not ours, or is in use, stays.
    (Case("discard home_hostwright", DISCARDED, around=NAMED), "is home now: it stays"),
    (
        Case("discard home_hostwright", [*DISCARDED, HAS_TAG], around=NAMED.replace("= ", "!= "), answers=NOT_OURS),
        "ours",
    ),
    (Case("discard_lists home_hostwright", [HAS_TAG]), "has no tag of ours: it stays"),
    (
        Case(
            "remove_image $RUN/x.img",
            ["losetup -j PLACE/x.img"] * 2,
            around="rm() { act rm; }\n: >$RUN/x.img\ndetach_image() { losetup -j $1; }",
            answers={"losetup -j*": "echo '/dev/loop7: []: (x)'"},
        ),
        "is still in use",
    ),
    (
        Case(
            "remove_physical_volume /none/vdb",
            ["lvm pvs -o vg_name /none/vdb --noheadings"],
            answers={"lvm pvs -o vg_name*": "echo centos"},
        ),
        "is in a volume group: it stays",
    ),
    (
        Case(
            "wipe_lent /none/vdb",
            [
                *("blockdev --getsize64 /none/vdb", "lvm pvs -o pv_tags /none/vdb --noheadings"),
                *("blkdiscard -z -o 1048576 -l 4194304 /none/vdb",),
                "dd if=/dev/zero of=/none/vdb bs=1M seek=1 count=4 conv=fsync",
            ],
            answers={"blkdiscard *": "exit 1", "dd *": "echo no >&2; exit 1"},
        ),
        "wiping /none/vdb: no",
    ),
    # Home is not exchanged for what is not like it, or may still be written.
    (
        Case("set_identity home_hostwright", IDENTIFIED, answers={"blkid -p -o value*": "echo c-d"}),
        "has UUID c-d instead of a-b",
    ),
    (
        Case(
            "set_identity home_hostwright",
            IDENTIFIED,
            around='list_looks() { echo other >"$2"; }\necho look >$LISTS/looks',
        ),
        "is not what it was",
    ),
    (Case("set_identity home_hostwright", IDENTIFIED, around="list_looks() { why 'not listed'; }"), "not listed"),
    (
        Case(
            "freeze",
            ["make_room", "note_quotas"],
            around=f"{FREEZING}mount() {{ :; }}\necho '1 2 8:7 / /none/home ro - xfs /none/x rw' >$RUN/mountinfo",
        ),
        "did not become read-only",
    ),
    (
        Case("freeze", ["make_room", "note_quotas"], around=f"{FREEZING}mount() {{ :; }}\n: >$RUN/mountinfo"),
        "did not become read-only",
    ),
    (
        Case(
            "freeze",
            ["make_room", "note_quotas", *["mount -o remount,ro /none/home"] * 30],
            around=f"{FREEZING}name_holders() {{ echo somebody; }}",
            answers={"mount *": "echo busy >&2; exit 32"},
        ),
        "cannot be made read-only (busy): held by somebody",
    ),
]


@pytest.mark.parametrize(("case", "why"), LEFT, ids=str)
def test_what_is_not_as_it_must_be_is_left_as_it_is(tmp_path: Path, case: Case, why: str) -> None:
    equip(tmp_path, case)
    code, reason, told = run(tmp_path, case)
    assert code != 0
    assert told == case.told
    assert why in reason


def test_errors_that_a_check_has_corrected_are_none(tmp_path: Path) -> None:
    case = Case("shrink_ext 1000", [], answers={"e2fsck -f -p*": "exit 1", "e2fsck -f -n*": "exit 1"})
    equip(tmp_path, case)
    code, _, told = run(tmp_path, case)
    assert (code, len(told)) == (1, 3)


@pytest.mark.parametrize("disk", ["abc-def-1 centos", "abc-def-1"])
def test_a_disk_that_nobody_lent_is_not_given_back(tmp_path: Path, disk: str) -> None:
    case = Case("give_back /none/vda", [], answers={"lvm pvs -o pv_uuid,vg_name*": f"echo {disk}"})
    equip(tmp_path, case)
    assert run(tmp_path, case)[::2] == (0, ["lvm pvs -o pv_uuid,vg_name /none/vda --noheadings"])


# -- one kind more

MADE_UP = """# A file system that is made up.
# needs: prelude
# given: UUID
madeup_make() { act madeup make "$2" "$1"; }
madeup_grow() { act madeup grow "$1" "$2"; }
madeup_check() { act madeup check "$1"; }
madeup_identify() { act madeup identify "$UUID" "$1"; }
madeup_identifies_safely() { :; }
"""


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    place = tmp_path / "sh"
    place.mkdir()
    (place / "madeup.sh").write_text(MADE_UP)
    table = FILES["kinds"].read_text().replace(" btrfs swap", " btrfs swap madeup")
    (place / "kinds.sh").write_text(table)
    for name in ("madeup", "kinds"):
        monkeypatch.setitem(FILES, name, place / f"{name}.sh")
    read.cache_clear()
    yield
    read.cache_clear()


BY_KIND = [
    Case("format_volume home_hostwright {}", [CLOSED, HAS_TAG], around="is_blank() { :; }"),
    Case("grow_file_system root {} /", []),
    Case("check_file_system /none/x", []),
    Case("set_identity home_hostwright", [CLOSED]),
]


@pytest.mark.parametrize(
    ("case", "does", "after"),
    [
        (BY_KIND[0], "make madeup2 /none/home_hostwright", 2),
        (BY_KIND[1], "grow /none/root /", 0),
        (BY_KIND[2], "check /none/x", 0),
        (BY_KIND[3], "identify a-b /none/home_hostwright", 2),
    ],
    ids=str,
)
@pytest.mark.usefixtures("made_up")
def test_one_kind_more_is_a_file_and_its_name_in_the_table(tmp_path: Path, case: Case, does: str, after: int) -> None:
    """A 2 at its end is its version, as that of ext2 is."""
    equip(tmp_path, case)
    case = replace(case, call=case.call.format("madeup2"), header={"KIND": "madeup2"})
    code, reason, told = run(tmp_path, case)
    assert (code, told[: len(case.told) + 1]) == (0, [*case.told, f"madeup {does}"]), reason
    assert len(told) == len(case.told) + 1 + after
    code, reason, told = run(tmp_path, case, len(case.told) + 1)
    assert (code, told) == (1, [*case.told, f"madeup {does}"])
    assert "failed" in reason


@pytest.mark.parametrize("kind", ["madeup", "swap4x", "", "4", "xfs ext", "../xfs", "$(act oh)", "any"])
@pytest.mark.parametrize("case", BY_KIND, ids=str)
def test_what_is_of_no_known_kind_is_left_and_that_is_said(tmp_path: Path, case: Case, kind: str) -> None:
    equip(tmp_path, case)
    case = replace(case, call=case.call.format(f"'{kind}'"), header={"KIND": kind})
    code, reason, told = run(tmp_path, case)
    assert (code, told) == (1, case.told)
    assert "no way is known to " in reason
    assert f"a file system of kind '{kind}'" in reason


def test_swap_does_not_grow(tmp_path: Path) -> None:
    case = Case("grow_file_system swap swap ''", [])
    equip(tmp_path, case)
    assert run(tmp_path, case) == (1, "no way is known to grow a file system of kind 'swap'", [])


HOOKS = {
    "xfs": "takes_direct",
    "ext2": "takes_direct",
    "ext4": "takes_direct",
    "btrfs": "hides_holes uncounted identifies_safely",
    "swap": "",
    "zfs": "",
}


@pytest.mark.parametrize("kind", HOOKS)
def test_what_most_kinds_do_alike_some_do_otherwise_and_nobody_knows_of_others(kind: str) -> None:
    text = f"""{script("kinds", LISTS="/none", RUN="/none")}
        dumpe2fs() {{ :; }}
        for hook in takes_direct hides_holes uncounted identifies_safely; do
            reason=''
            if of_kind {kind} $hook /none; then echo $hook; else echo "${{reason:+unknown}}"; fi
        done
        of_kind {kind} twin_options || echo unknown
        [ {kind} = xfs ] || of_kind {kind} quota_inodes /none || echo unknown"""
    done = subprocess.run(["sh"], input=whole(text), check=False, capture_output=True, text=True)
    if kind == "zfs":
        assert done.stdout.split() == ["unknown"] * 6
        return
    own = [",nouuid"] if kind == "xfs" else ["0"]
    assert (done.stdout.split(), done.stderr) == ([*HOOKS[kind].split(), *own], "")
