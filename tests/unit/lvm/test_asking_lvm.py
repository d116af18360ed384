"""What LVM and its like do not tell is never taken for "nothing is there": the shell itself, with tools that fail."""

import subprocess
from itertools import product
from pathlib import Path

import pytest

from hostwright.base.scripts import whole
from hostwright.lvm.operations.job import LIBRARY
from tests.unit.lvm.scripts import script

# What LVM tells of a group with two volumes and a lent disk. A fault is for one command, or for all of them.
LVM = """
lvm() {
    case $FAULT in failing) echo "no" >&2; return 5 ;; empty) return 0 ;; esac
    case "$*" in
        *vg_seqno*) echo "  7" ;;
        *lv_count*) echo "  2" ;;
        *lv_name,lv_tags*/home_hostwright*) echo "  home_hostwright hostwright.copy,hostwright.lists,hostwright.new" ;;
        *lv_name,lv_tags*/home*) echo "  home" ;;
        *vg_uuid*) echo "  abc-def ghi-jkl" ;;
        *lv_name*) echo "  home"; [ "$FAULT" = short ] || echo "  home_hostwright" ;;
        *pv_uuid,vg_name*) echo "  hostwr-ight-1 centos" ;;
        *pv_tags*) echo "  hostwright.wipe.5242880" ;;
        *pv_name*) ;;
        *) return 3 ;;
    esac
}
told() { echo "$*" >>"$RUN/told"; }
for name in lvremove lvchange pvremove vgreduce pvchange dd wipefs blkdiscard umount losetup; do
    eval "$name() { told $name \\"\\$@\\"; }"
done
settle() { :; }
closed() { :; }
sleep() { :; }
device_at() { :; }
"""
HEADER = {"ID": "1", "STEPS": "1", "VG": "centos", "LV": "home", "COPY": "home_hostwright", "MOUNT": "/home"}
HEADER |= {"SERVED": "home", "OPTIONS": "defaults", "KIND": "xfs", "QUOTA": "", "PROOF": "", "IMAGE": "", "LOGIN": "1"}


def run(place: Path, command: str, fault: str = "", stubs: str = "", **header: str) -> tuple[int, str, list[str]]:
    """A function's exit code, its reason, and what it has done."""
    words = HEADER | {"RUN": str(place), "WORK": str(place / "work"), "FAULT": fault} | header
    (place / "told").write_text("")
    (place / "lists").mkdir(exist_ok=True)
    text = script(*LIBRARY, **words).replace("/proc/sys/vm/drop_caches", "/dev/null")
    text = f'{text}\n{LVM}\n{stubs}\n{command}\ncode=$?\necho "$reason"\nexit $code'
    # As hosts get it: one word of a command line holds 128 KiB, and the library is about as long.
    done = subprocess.run(["sh"], input=whole(text), check=False, timeout=30, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr, (place / "told").read_text().splitlines()


FSTAB_FREE = "named_in_fstab() { return 1; }"


@pytest.mark.parametrize(
    ("command", "good"),
    [
        ("is_unchanged 7", 0),
        ("has_volume home_hostwright", 0),
        ("has_volume none", 1),
        ("has_tag home_hostwright hostwright.copy", 0),
        ("has_tag home_hostwright hostwright.other", 1),
        ("has_tag home hostwright.copy", 1),
        ("has_tag none hostwright.copy", 2),
        ("clear_tag home_hostwright hostwright.copy", 0),
        ("clear_tag home hostwright.copy", 0),
        ("by_id home", 0),
        ("discard home_hostwright ''", 0),
        ("discard_lists home_hostwright ''", 0),
        ("give_back /dev/none", 0),
        ("wipe_lent /dev/none", 0),
    ],
)
@pytest.mark.parametrize("fault", ["", "failing", "empty", "short"])
def test_what_lvm_does_not_tell_is_a_failure(tmp_path: Path, command: str, good: int, fault: str) -> None:
    stubs = f"{FSTAB_FREE}\nblockdev() {{ echo 10485760; }}\nmove_away() {{ :; }}\nnumber_of() {{ echo 7:7; }}\n"
    stubs += "watch() { :; }\nunwatch() { :; }\ncmp() { :; }\nhead() { :; }\n"
    if command.startswith("give_back"):
        stubs += "wipe_lent() { :; }"
    code, reason, told = run(tmp_path, command, fault, stubs)
    unaware = fault == "short" and "has_volume" not in command and not command.startswith("discard home")
    # That nothing is told of how much of a disk is used means all of it.
    whole = (fault, command) == ("empty", "wipe_lent /dev/none")
    if not fault or unaware or whole:
        assert code == good, reason
        return
    assert code == (1 if command.split()[0] not in ("has_volume", "has_tag") else 2), reason
    assert reason.strip() or command == "by_id home"
    assert not told


def test_of_a_lent_disk_all_is_wiped_that_may_be_used(tmp_path: Path) -> None:
    stubs = "blockdev() { echo 10485760; }\nnumber_of() { echo 7:7; }\nwatch() { :; }\nunwatch() { :; }\ncmp() { :; }"
    for fault, size in (("", 4194304), ("empty", 9437184)):
        code, _, told = run(tmp_path, "wipe_lent /dev/none", fault, stubs)
        assert (code, told) == (0, [f"blkdiscard -z -o 1048576 -l {size} /dev/none"])
    assert run(tmp_path, "wipe_lent /dev/none", "", "blockdev() { return 1; }")[0] == 1
    assert run(tmp_path, "wipe_lent /dev/none", "", stubs.replace("cmp() { :", "cmp() { return 1"))[0] == 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (None, True),
        ("", True),
        ("/dev/x /home xfs defaults 0 0\n", False),
        ("/dev/a\\040b /home xfs defaults 0 0\n", True),
        ("# /dev/a\\040b /home xfs defaults 0 0\n", False),
    ],
)
def test_whoever_cannot_read_fstab_takes_it_that_it_names_a_copy(tmp_path: Path, text: str | None, named: bool) -> None:
    if text is not None:
        (tmp_path / "fstab").write_text(text)
    body = script(*LIBRARY, **(HEADER | {"RUN": str(tmp_path)})).replace("/etc/fstab", f"{tmp_path}/fstab")
    text = whole(f"{body}\nnamed_in_fstab '/dev/a b'")
    done = subprocess.run(["sh"], input=text, check=False, capture_output=True, text=True)
    assert (done.returncode == 0) is named


CENTOS_HOME = "echo centos-home"


@pytest.mark.parametrize(
    ("says", "code", "reason"),
    [
        ("echo centos-root", 0, ""),
        (CENTOS_HOME, 1, "is active, but has no device file"),
        ("echo no >&2; return 1", 1, "dmsetup: no"),
        (f"{CENTOS_HOME}; return 1", 1, "dmsetup"),
    ],
)
def test_a_device_without_a_file_is_closed_only_if_the_kernel_does_not_know_it(
    tmp_path: Path, says: str, code: int, reason: str
) -> None:
    stubs = f"dmsetup() {{ {says}; }}\nvgmknodes() {{ :; }}"
    found = run(tmp_path, "is_inactive /dev/centos/home", "", stubs)
    assert found[0] == code
    assert reason in found[1]


# -- what is on a device

BLANK = """
head() { command dd if=/dev/zero bs=4096 count=1 2>/dev/null; }
blkid() { return 2; }
wipefs() { :; }
"""


@pytest.mark.parametrize(
    ("stubs", "good"),
    [
        ("", True),
        ("blkid() { :; }", True),
        ("blkid() { echo TYPE=xfs; }", False),
        ("blkid() { echo PTTYPE=gpt; }", False),
        ("blkid() { return 4; }", False),
        ("blkid() { return 8; }", False),
        ("blkid() { return 127; }", False),
        ("wipefs() { echo DEVICE OFFSET; echo vdb 0x438 ext4; }", False),
        ("wipefs() { return 1; }", False),
        ("head() { return 1; }", False),
        ("head() { :; }", False),
        ("head() { printf short; }", False),
    ],
)
def test_what_nobody_can_tell_of_is_not_blank(tmp_path: Path, stubs: str, good: bool) -> None:
    stand_in = BLANK.replace("head() {", 'head() { [ "$1" = -c ] || { command head "$@"; return; };')
    code, reason, _ = run(tmp_path, "is_blank /dev/none", stubs=f"{stand_in}\n{stubs}")
    assert (code == 0) is good, reason
    assert good or "it is left as it is" in reason or "wipefs" in reason


SIGNS = [
    ("", []),
    ("blkid() { echo TYPE=xfs; }", ["TYPE=xfs"]),
    ("blkid() { return 8; }", ["SIGNATURE=something that blkid does not tell"]),
    ("blkid() { return 127; }", ["SIGNATURE=something that blkid does not tell"]),
    ("wipefs() { return 1; }", ["SIGNATURE=something that wipefs does not tell"]),
    ("wipefs() { echo DEVICE OFFSET; echo vdb 0x438 ext4; }", ["SIGNATURE=vdb 0x438 ext4"]),
    ("head() { :; }", ["NONZERO=yes"]),
    ("head() { echo x; }", ["NONZERO=yes"]),
]


@pytest.mark.parametrize(("stubs", "signs"), SIGNS)
def test_a_disk_to_borrow_is_blank_only_where_everybody_tells(tmp_path: Path, stubs: str, signs: list[str]) -> None:
    text = script("storage")
    function = text[text.index("signs_of() {") :].split("\n}\n")[0] + "\n}"
    section = text[text.index('if [ -n "$SCRATCH" ]') :]
    device = tmp_path / "disk"
    device.touch()
    section = section.replace("[ -b ", "[ -e ").split("\nif ", 1)[0]
    stand_in = BLANK.replace("bs=4096 count=1", "bs=1048576 count=1")
    words = f"section() {{ :; }}\nblockdev() {{ echo 1; }}\n{stand_in}\n{stubs}\nSCRATCH={device}"
    body = f"{words}\n{function}\n{section}"
    done = subprocess.run(["sh", "-c", body], check=False, capture_output=True, text=True, timeout=30)
    found = [
        line for line in done.stdout.splitlines() if line.split("=")[0] in ("TYPE", "PTTYPE", "SIGNATURE", "NONZERO")
    ]
    assert found == signs, done.stderr


# -- quotas

XFS_DUMP = 'echo "fs = /dev/none"; echo "0 0 0 0 0"; echo "1000 1024 2048 0 0"'
EXT_DUMP = 'echo "*** Report for user quotas on device /dev/none"; echo "#1000 -- 10 1024 2048 0 2 0 0 0"'


@pytest.mark.parametrize(("kind", "tool", "dump"), [("xfs", "xfs_quota", XFS_DUMP), ("ext4", "repquota", EXT_DUMP)])
@pytest.mark.parametrize("fault", ["return 1", ":", "{dump}; return 1", "echo '1000 1024 2048 0 0'"])
def test_quotas_that_are_told_on_neither_side_are_not_the_same(
    tmp_path: Path, kind: str, tool: str, dump: str, fault: str
) -> None:
    words = {"KIND": kind, "QUOTA": "usrquota", "WORK": "/copy"}
    both = "note_quotas && copy_quotas"
    stubs = "setquota() { :; }\n"
    stubs += "awk() { case $* in */proc/mounts*) echo 'fs = /dev/none' ;; *) command awk \"$@\" ;; esac; }\n"
    well = f'{tool}() {{ case "$*" in *restore*) ;; *) {dump} ;; esac; }}'
    code, reason, _ = run(tmp_path, both, stubs=f"{stubs}{well}", **words)
    assert code == 0, reason
    assert (tmp_path / "lists/quotas").read_text() == "u 1000 1024 2048 0 0\n"
    body = fault.replace("{dump}", dump)
    code, reason, _ = run(tmp_path, both, stubs=f"{stubs}{tool}() {{ {body}; }}", **words)
    assert code == 1
    assert "quotas (u) of /home cannot be read" in reason
    # The copy's alone.
    code, reason, _ = run(
        tmp_path, f"note_quotas; {tool}() {{ case \"$*\" in *restore*) ;; *) {body} ;; esac; }}; copy_quotas",
        stubs=f"{stubs}{well}", **words,
    )  # fmt: skip
    assert code == 1
    assert "quotas (u) of /copy/copy cannot be read" in reason
    fewer = well.replace("1000", "1001")
    code, reason, _ = run(tmp_path, f"note_quotas; {fewer}; copy_quotas", stubs=f"{stubs}{well}", **words)
    assert code == 1
    assert "quotas differ" in reason


# -- the exchange

# Files say what there is: `volumes` (NAME VERSION TAG), `fstab` (what home is taken from), `mounted`; `now` is the
# newest version, which only what is mounted has. A step fails before it has done anything, or when all is done.
WORLD = r"""
cd "$RUN"
act() {
    named=$1
    shift
    eval "count_$named=\$((\${count_$named:-0} + 1)); at=\$count_$named"
    case "$BROKEN" in "$named $at before" | "$named all before") why "$named is broken"; return 1 ;; esac
    "$@" || return 1
    case "$BROKEN" in "$named $at after" | "$named all after") why "$named is broken"; return 1 ;; esac
}
have() { grep -q "^$1 " volumes; }
do_point() { echo "$1" >fstab; }
point_to() { act point_to do_point "$3"; }
by_id() { have "$1" && echo "$1"; }
do_mount() { have "$(cat fstab)" && cat fstab >mounted && written; }
mount() { act mount do_mount; }
# People write as soon as they can.
written() {
    now=$(($(cat now) + 1))
    echo $now >now
    sed -i "s|^$(cat mounted) [0-9]*|$(cat mounted) $now|" volumes
}
is_read_only() { [ -s mounted ] || return 2; return 1; }
is_back() { act is_back [ -s mounted ]; }
unmount() { act unmount do_unmount; }
do_unmount() { : >mounted; }
device_at() { cat mounted; }
umount() { do_unmount; }
do_remove() { [ "$(cat mounted)" != "$1" ] && sed -i "\\|^$1 |d" volumes; }
lvremove() { act lvremove do_remove "${2#centos/}"; }
do_rename() {
    sed -i "s|^$1 |$2 |" volumes
    sed -i "s|^$1\$|$2|" fstab mounted
}
lvrename() { act lvrename do_rename "$2" "$3"; }
has_volume() { have "$1"; }
has_tag() { grep -q "^$1 .* $2" volumes; }
named_in_fstab() { [ "$(cat fstab)" = "$1" ]; }
remove_image() { act remove_image do_remove "$1"; }
ask() { answer=''; }
put_back() { [ -s mounted ] || try mount /home; }
take_away() { do_unmount; }
start_units() { act start_units :; }
uncover() { act uncover :; }
restore_fstab() { act restore_fstab do_point home; }
do_untag() { sed -i "s|^$1 \\([0-9]*\\).*|$1 \\1|" volumes; }
clear_tags() { act clear_tags do_untag "$1"; }
settle() { :; }
closed() { :; }
detach_image() { :; }
drop_lists() { :; }
is_alone() { return 1; }
tell() { :; }
try() { "$@"; }
say() { :; }
copied() { echo "$1 $(cat now) hostwright.copy" >>volumes; }
die() { undo; exit 1; }
trap - EXIT
step() { number=$1; shift 2; "$@" || die; }
"""
IMAGE = "/dev/null"
BESIDE = [
    *("copied home_hostwright", "take_away", "serve_volume home", "serve_volume home_hostwright", "remove_volume home"),
    *("rename_volume home_hostwright home", "bring_back", "restore_fstab", "clear_tags home"),
]
STAGING = [
    *("copied $IMAGE", "take_away", "serve_image $IMAGE", "bring_back", "remove_volume home"),
    *(
        "copied home_hostwright",
        "take_away $IMAGE",
        "serve_volume home_hostwright",
        "rename_volume home_hostwright home",
    ),
    *("bring_back", "restore_fstab", "clear_tags home", "remove_image $IMAGE"),
]
PRIMITIVES = ["point_to", "mount", "is_back", "lvremove", "lvrename", "start_units", "uncover", "restore_fstab"]
PRIMITIVES += ["clear_tags", "remove_image", "unmount"]


@pytest.mark.parametrize(("way", "steps"), [("beside", BESIDE), ("staging", STAGING)])
@pytest.mark.parametrize("broken", PRIMITIVES)
def test_wherever_an_exchange_fails_the_boot_takes_what_is_whole_and_newest(
    tmp_path: Path, way: str, steps: list[str], broken: str
) -> None:
    failed = 0
    for at, when in product(["1", "2", "3", "4", "5", "all"], ["before", "after"]):
        place = tmp_path / f"{at} {when}"
        place.mkdir()
        for name, text in (("volumes", "home 1\n"), ("fstab", "home\n"), ("mounted", "home\n"), ("now", "1\n")):
            (place / name).write_text(text)
        image = IMAGE if way == "staging" else ""
        lines = "\n".join(f"step {number} x {call}" for number, call in enumerate(steps))
        code, said, _ = run(place, lines, stubs=WORLD, BROKEN=f"{broken} {at} {when}", IMAGE=image)
        failed += code
        rows = dict(line.split()[:2] for line in (place / "volumes").read_text().splitlines())
        fstab, now = (place / "fstab").read_text().strip(), (place / "now").read_text().strip()
        about = f"{broken} {at} {when}: {rows}, fstab {fstab}, newest {now}. {said}"
        assert fstab in rows, about
        assert rows[fstab] == now, about
        mounted = (place / "mounted").read_text().strip()
        if code == 0:
            assert (rows, fstab, mounted) == ({"home": now}, "home", "home"), about
        elif broken not in ("mount", "unmount"):
            assert mounted == fstab, about
    if (way, broken) not in (("beside", "remove_image"), ("beside", "unmount"), ("staging", "unmount")):
        assert failed
