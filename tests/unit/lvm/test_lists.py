"""Where lists of what is in home lie: the plan's choice, and the shell that makes the place and clears it away."""

import os
import shlex
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostwright.lvm.operations.job import LIBRARY
from tests.scripts import script
from tests.unit.lvm.mounts import ROOT, wait_for

USER = 1234


# -- whose a directory is


def acl_that_lets_a_user_write() -> bytes:
    """As setfacl -m u:1234:rwx makes it: acl(5), and the kernel's posix_acl_xattr.h."""
    entries = [(0x01, 7, -1), (0x02, 7, USER), (0x04, 5, -1), (0x10, 7, -1), (0x20, 5, -1)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)


@pytest.fixture
def top() -> Iterator[Path]:
    """A directory that is root's alone, whatever the tests of this machine lie in."""
    text = "mount --make-rprivate / && mount -t tmpfs -o mode=755 none /mnt && exec sleep 300"
    keeper = subprocess.Popen(["unshare", "-m", "sh", "-c", text])
    try:
        wait_for(lambda: " /mnt tmpfs " in Path(f"/proc/{keeper.pid}/mounts").read_text())
        yield Path(f"/proc/{keeper.pid}/root/mnt")
    finally:
        keeper.kill()
        keeper.wait()


def judged(top: Path, function: str, path: str) -> bool:
    """What a function of the library says of a path below /mnt."""
    pid = top.parts[2]
    text = script("ownership", "copies") + f"\nwhy() {{ return 1; }}\n{function} {shlex.quote(path)}"
    command = ["nsenter", f"--mount=/proc/{pid}/ns/mnt", "sh", "-c", text]
    code = subprocess.run(command, check=False, timeout=60, env=os.environ | {"LC_ALL": "C"}).returncode
    assert code in (0, 1)
    return code == 0


def directory(path: Path, mode: int = 0o755, user: int = 0, group: int = 0) -> Path:
    path.mkdir()
    os.chown(path, user, group)
    path.chmod(mode)
    return path


@ROOT
@pytest.mark.parametrize(
    ("mode", "user", "group", "good"),
    [
        (0o755, 0, 0, True),
        (0o700, 0, 0, True),
        (0o2755, 0, 50, True),
        (0o755, USER, 0, False),
        (0o700, USER, USER, False),
        (0o775, 0, USER, False),
        (0o2775, 0, 50, False),
        (0o757, 0, 0, False),
        (0o777, 0, 0, False),
        (0o1777, USER, USER, False),
    ],
)
@pytest.mark.parametrize("function", ["only_root", "own_directory"])
def test_whose_a_directory_is(top: Path, mode: int, user: int, group: int, good: bool, function: str) -> None:
    directory(top / "lib", mode, user, group)
    assert judged(top, function, "/mnt/lib") is good
    # Whoever may write above it can put another in its place.
    directory(top / "lib" / "hostwright")
    assert judged(top, function, "/mnt/lib/hostwright") is good


@ROOT
def test_what_an_acl_lets_a_user_write_is_not_roots_alone(top: Path) -> None:
    directory(top / "lib")
    os.setxattr(top / "lib", "system.posix_acl_access", acl_that_lets_a_user_write())
    directory(top / "lib" / "hostwright")
    assert not judged(top, "only_root", "/mnt/lib")
    assert not judged(top, "own_directory", "/mnt/lib/hostwright")


@ROOT
def test_below_a_sticky_directory_what_root_made_is_roots(top: Path) -> None:
    directory(top / "tmp", 0o1777)
    assert judged(top, "own_directory", "/mnt/tmp/new/deep")
    directory(top / "tmp" / "theirs", 0o755, USER, USER)
    assert not judged(top, "own_directory", "/mnt/tmp/theirs")
    assert not judged(top, "own_directory", "/mnt/tmp/theirs/new")


@ROOT
def test_a_link_is_as_good_as_all_that_it_leads_over(top: Path) -> None:
    directory(top / "lib")
    directory(top / "theirs", 0o755, USER, USER)
    (top / "roots").symlink_to("lib")
    (top / "users").symlink_to("/mnt/lib")
    os.lchown(top / "users", USER, USER)
    (top / "there").symlink_to("/mnt/theirs")
    # Root's, and over a link that its owner may lead elsewhere tomorrow.
    (top / "theirs" / "on").symlink_to("/mnt/lib")
    os.lchown(top / "theirs" / "on", 0, 0)
    (top / "through").symlink_to("theirs/on")
    (top / "round").symlink_to("round")
    (top / "nowhere").symlink_to("/mnt/none")
    answers = {name: judged(top, "only_root", f"/mnt/{name}") for name in ("roots", "users", "there", "through")}
    assert answers == {"roots": True, "users": False, "there": False, "through": False}
    assert not judged(top, "only_root", "/mnt/round")
    assert not judged(top, "only_root", "/mnt/nowhere")
    assert judged(top, "only_root", "/mnt/roots/../lib")


@ROOT
def test_who_cannot_look_does_not_say_that_it_is_roots(top: Path) -> None:
    directory(top / "lib")
    assert not judged(top, "stat() { return 1; }; only_root", "/mnt/lib")
    assert not judged(top, "stat() { :; }; only_root", "/mnt/lib")
    assert not judged(top, "only_root", "/mnt/none")


# -- the place is made, and cleared away

LISTS = "home_hostwright_lists"
# Volumes of the group, NAME TAGS a line; all are the one device there is.
LVM = """#!/bin/sh
[ ! -e {place}/broken.$1 ] || exit 5
case $*,$1 in
    *lv_count*) wc -l <{place}/volumes ;;
    *lv_tags*) grep "^${{4#centos/}} " {place}/volumes || exit 5 ;;
    *lv_name*) cut -d ' ' -f 1 {place}/volumes ;;
    *) exit 3 ;;
esac
"""
COMMANDS = {
    "lvm": LVM,
    "lvcreate": """#!/bin/sh
[ ! -e {place}/broken.lvcreate ] || exit 5
echo "$*" >>{place}/told
while [ $# -gt 1 ]; do
    case $1 in -n) name=$2 ;; --addtag) tags=${{tags:+$tags,}}$2 ;; esac
    shift
done
echo "$name $tags" >>{place}/volumes
""",
    "lvremove": """#!/bin/sh
[ ! -e {place}/broken.lvremove ] || exit 5
sed -i "/^${{2#centos/}} /d" {place}/volumes
""",
    "dmsetup": """#!/bin/sh
if grep -q "^$(cat {place}/device) " /proc/mounts; then echo 1; else echo 0; fi
""",
    "udevadm": "#!/bin/sh\n",
}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "bin").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "volumes").write_text("home \nroot \n")
    (tmp_path / "told").touch()
    for name, text in COMMANDS.items():
        (tmp_path / "bin" / name).write_text(text.format(place=tmp_path))
        (tmp_path / "bin" / name).chmod(0o755)
    subprocess.run(["truncate", "-s", "12M", str(tmp_path / "image")], check=True)
    device = subprocess.run(
        ["losetup", "-f", "--show", str(tmp_path / "image")], check=True, capture_output=True, text=True
    ).stdout
    (tmp_path / "device").write_text(device)
    yield tmp_path
    subprocess.run(["losetup", "-d", device.strip()], check=True)


def job(place: Path, commands: str) -> str:
    """What a job says that does these; its last words are the reason of a failure. /lists is root's alone there."""
    header = {"ID": "1", "STEPS": "1", "RUN": str(place / "run"), "VG": "centos", "LV": "home", "TAGS": "web"}
    more = {"COPY": "home_hostwright", "WORK": str(place / "work"), "MOUNT": "", "SERVED": "home", "IMAGE": ""}
    device = (place / "device").read_text().strip()
    text = "\n".join(
        [
            script(*LIBRARY, **header, **more),
            f"PATH={place}/bin:$PATH",
            f"volume() {{ echo {device}; }}",
            "prepare",
            "sleep() { :; }",
            f'{{ {commands}\n}} || echo "failed: $reason"',
        ]
    )
    (place / "script").write_text(text)
    inside = "mount --make-rprivate / && mount -t tmpfs -o mode=755 none /mnt && exec sh $0"
    command = ["unshare", "-m", "sh", "-c", inside, str(place / "script")]
    done = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)
    return done.stdout + done.stderr


def volumes(place: Path) -> list[str]:
    return (place / "volumes").read_text().splitlines()


# 8 MiB through a sort that may keep 64 KiB: where its spills are when it is in the middle of them.
SPILLED = """
mkfifo "$RUN/go"
{ seq 400000; read -r _ <"$RUN/go"; } | sort -S 64k >"$LISTS/sorted" &
for i in 1 2 3 4 5 6 7 8 9 10; do
    command sleep 0.3
    spills=$(find "$LISTS/" -name 'sort*' -size +0 ! -name sorted)
    [ -z "$spills" ] || break
done
echo go >"$RUN/go"
wait
if [ -n "$spills" ]; then echo spilled into the lists; fi
rm "$LISTS/sorted"
"""


@ROOT
def test_lists_in_a_directory(place: Path) -> None:
    said = job(
        place,
        f'make_lists /mnt/hostwright/centos-home.lists && readlink "$LISTS" && echo "$TMPDIR" && {SPILLED}\n'
        'echo one >"$LISTS/one" && stat -c %a "$LISTS/" && drop_lists && echo "${TMPDIR-unset}" && ls -A /mnt',
    )
    where = "/mnt/hostwright/centos-home.lists"
    assert said.splitlines() == [where, where, "spilled into the lists", "700", "unset"]


@ROOT
def test_lists_of_a_lost_run_go_and_its_image_stays(place: Path) -> None:
    said = job(
        place,
        "mkdir -p /mnt/hostwright/centos-home.lists && echo image >/mnt/hostwright/centos-home.img && "
        "echo old >/mnt/hostwright/centos-home.lists/old && make_lists /mnt/hostwright/centos-home.lists && "
        'ls -A "$LISTS/" && drop_lists && ls -A /mnt/hostwright',
    )
    assert said.splitlines() == ["centos-home.img"]


@ROOT
def test_lists_in_a_volume(place: Path) -> None:
    said = job(
        place,
        f'make_lists {LISTS} 3 /dev/vda && readlink "$LISTS" && echo "$TMPDIR" && {SPILLED}\n'
        'stat -f -c %T "$LISTS/" && cat $RUN/../volumes && drop_lists && echo "${TMPDIR-unset}" && ls -A "$RUN"',
    )
    disk = f"{place}/run/disk"
    assert said.splitlines() == [
        *(disk, disk, "spilled into the lists", "ext2/ext3"),
        *("home ", "root ", f"{LISTS} hostwright.lists,web", "unset", "go", "lists", "out"),
    ]
    assert volumes(place) == ["home ", "root "]
    assert (place / "told").read_text().endswith("--addtag hostwright.lists --addtag web centos /dev/vda\n")


@ROOT
def test_lists_in_memory(place: Path) -> None:
    said = job(
        place,
        f'make_lists "" && echo "$TMPDIR" && {SPILLED}\necho one >"$LISTS/one" && drop_lists && '
        'echo "${TMPDIR-unset}" && ls -A "$RUN"',
    )
    assert said.splitlines() == [f"{place}/run/lists", "spilled into the lists", "unset", "go"]
    assert volumes(place) == ["home ", "root "]


@ROOT
@pytest.mark.parametrize("twice", ["drop_lists && drop_lists", "drop_lists"])
@pytest.mark.parametrize("where", ["''", f"{LISTS} 3", "/mnt/hostwright/centos-home.lists"])
def test_a_job_that_ends_drops_them_once_more(place: Path, twice: str, where: str) -> None:
    assert job(place, f"make_lists {where} && {twice} && ls -A /mnt") == ""
    assert volumes(place) == ["home ", "root "]


@ROOT
@pytest.mark.parametrize("broken", ["lvcreate", "mke2fs", "mount"])
def test_a_volume_for_lists_that_does_not_come_about_is_a_failure_and_none_is_left(place: Path, broken: str) -> None:
    (place / f"broken.{broken}").touch()
    if broken != "lvcreate":
        (place / "bin" / broken).write_text(f"#!/bin/sh\necho {broken} is broken; exit 1\n")
        (place / "bin" / broken).chmod(0o755)
    said = job(place, f'make_lists {LISTS} 3 && echo made || {{ echo "$reason"; drop_lists; }}')
    assert said.splitlines()[-1].startswith(f"{broken}: ")
    assert "made" not in said
    assert "warning" not in said
    assert volumes(place) == ["home ", "root "]


@ROOT
@pytest.mark.parametrize("broken", ["lvm", "lvremove", "tag"])
def test_a_volume_for_lists_is_removed_only_when_it_is_known_to_be_ours(place: Path, broken: str) -> None:
    (place / "volumes").write_text(f"home \n{LISTS} {'theirs' if broken == 'tag' else 'hostwright.lists'}\n")
    (place / f"broken.{broken if broken != 'lvm' else 'lvs'}").touch()
    said = job(place, f"discard_lists {LISTS} ''")
    assert said.startswith("failed: ")
    assert volumes(place)[1].startswith(LISTS)
    # Why it stays is told as it is.
    assert ("no tag of ours" in said) is (broken == "tag")


@ROOT
def test_lists_that_a_lost_run_left_mounted_go(place: Path) -> None:
    device = (place / "device").read_text().strip()
    (place / "volumes").write_text(f"home \n{LISTS} hostwright.lists\n")
    said = job(
        place,
        f"mkdir /mnt/disk && mke2fs -q {device} && mount {device} /mnt/disk && "
        f"discard_lists {LISTS} '' && awk -v device={device} '$1 == device' /proc/mounts",
    )
    assert said == ""
    assert volumes(place) == ["home "]


@ROOT
def test_a_directory_in_a_place_of_somebody_else_stays(place: Path) -> None:
    said = job(
        place,
        f"mkdir -p /mnt/hostwright/centos-home.lists && chown {USER} /mnt/hostwright && "
        "discard_lists '' /mnt/hostwright/centos-home.lists",
    )
    assert "root's alone" in said
    said = job(
        place, "mkdir -m 777 /mnt/hostwright && make_lists /mnt/hostwright/centos-home.lists; ls /mnt/hostwright"
    )
    assert said == ""


def test_a_job_that_cannot_go_on_ends_its_copying_and_its_lists_go(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    header = {
        "ID": "1",
        "STEPS": "1",
        "RUN": f"{tmp_path}/run",
        "LOG": f"{tmp_path}/log/log",
        "WORK": f"{tmp_path}/mnt",
    }
    lines = """
    guarded() { :; }
    prepare
    echo one >"$LISTS/one" || exit 9
    sleep 20 & carrier=$!
    { sleep 0.3; echo "settled $LVM_SUPPRESS_FD_WARNINGS" >"$RUN/did"; } & settling=$!
    echo $carrier >"$RUN/carrier"
    why 'no more'
    die
    """
    (tmp_path / "script").write_text("\n".join([script(*LIBRARY, **header), lines]))
    subprocess.run(["sh", str(tmp_path / "script")], check=True, timeout=30, stdout=subprocess.DEVNULL)
    assert (tmp_path / "run/status").read_text() == "1 no more\n"
    assert not Path("/proc", (tmp_path / "run/carrier").read_text().strip()).exists()
    assert (tmp_path / "run/did").read_text() == "settled 1\n"
    assert not (tmp_path / "run/lists").exists()
