"""A user does their worst while home is copied: root neither reads nor writes outside it, and the copy ends in time.

On file systems of its own, in a mount namespace of its own: the job's functions as they are, with the job's mounts.
"""

import ctypes
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hostwright.lvm.operations.job import LIBRARY
from tests.scripts import script

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems")

ROOT = Path(__file__).parents[3]
UID = 54321
# Nothing may hold it up for longer, whatever the user does.
IN_TIME = 100
STORY = """
mount --make-rprivate / && mount -o loop "$PLACE/home.img" "$MOUNT" || exit 99
{python} "$GUEST/hostile_user.py" {uid} {act} "$MOUNT/u" "$PLACE/outside" "$WORK/source/u" >"$PLACE/user.said" 2>&1 &
user=$!
command sleep 0.3
trap 'kill $user 2>/dev/null; losetup -j "$PLACE/copy.img" | cut -d : -f 1 | xargs -r losetup -d' EXIT
copy_live "$PLACE/copy.img"
code=$?
live=no
kill $user 2>/dev/null
wait $user 2>/dev/null
[ $code -eq 0 ] || {{ say "live: $reason"; exit 1; }}
mount -o remount,ro "$MOUNT" || exit 98
verify "$PLACE/copy.img" || {{ say "verify: $reason"; exit 1; }}
say "proved: $PROOF"
unmount_work || {{ say "unmount: $reason"; exit 1; }}
rmdir "$WORK"/* "$WORK" && ! grep "$WORK" /proc/self/mountinfo || say "left: $(find "$WORK")"
"""
# What is done to the directory outside; also by name alone.
_OPEN, _ACCESS, _MODIFY, _ATTRIB, _CREATE, _DELETE, _MOVED = 0x20, 1, 2, 4, 0x100, 0x200, 0xC0


class Watched:
    """What happens in a directory that nobody has any business in."""

    def __init__(self, directory: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = libc.inotify_init1(os.O_NONBLOCK)
        wanted = _OPEN | _ACCESS | _MODIFY | _ATTRIB | _CREATE | _DELETE | _MOVED
        assert libc.inotify_add_watch(self.descriptor, str(directory).encode(), wanted) >= 0

    def seen(self) -> set[str]:
        found, said = set(), b""
        try:
            while some := os.read(self.descriptor, 65536):
                said += some
        except BlockingIOError:
            pass
        while said:
            mask, length = int.from_bytes(said[4:8], sys.byteorder), int.from_bytes(said[12:16], sys.byteorder)
            found.add(f"{mask:#x} {said[16 : 16 + length].rstrip(bytes(1)).decode()}")
            said = said[16 + length :]
        return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home with a user in it, on XFS, and a directory outside with files of the same names that are root's alone."""
    for name in ("home.img", "copy.img"):
        with (tmp_path / name).open("w") as image:
            image.truncate(600 * 1024**2)
        subprocess.run(["mkfs.xfs", "-q", str(tmp_path / name)], check=True)
    for name in ("home", "run/lists", "outside"):
        (tmp_path / name).mkdir(parents=True)
    for number in range(40):
        (tmp_path / "outside" / f"f{number}").write_text("secret")
    os.mkfifo(tmp_path / "outside" / "f0.pipe")
    (tmp_path / "outside").chmod(0o700)
    return tmp_path


def planted(place: Path, command: str) -> None:
    """The user's own work before root comes, in their directory."""
    given = f"mkdir u && cd u && {command}"
    mounted = f'mount -o loop "$0" "$1" && cd "$1" && {{ {given}\n}} && chown -Rh {UID}:{UID} "$1"/u'
    subprocess.run(
        ["unshare", "-m", "bash", "-c", f"set -e; {mounted}", str(place / "home.img"), str(place / "home")],
        check=True,
    )


# As kernels before 5.10 and their mount(8) know it.
OLD_MOUNT = 'mount() { case "$*" in *nosymfollow*) return 32 ;; esac; command mount "$@"; }'


def copied(place: Path, act: str, first: str = "") -> str:
    """What the job says, which ends in time."""
    header = {"PLACE": place, "RUN": place / "run", "LISTS": place / "run" / "lists", "MOUNT": place / "home"}
    header |= {"WORK": place / "run" / "work", "LOG": place / "run" / "log", "GUEST": ROOT / "tests" / "lab" / "guest"}
    words = {"KIND": "xfs", "QUOTA": "", "ID": "hostile", "LOGIN": "1", "BUSY": "refuse", "STEPS": "1"}
    text = script(*LIBRARY, **{name: str(path) for name, path in header.items()}, **words)
    story = STORY.format(python=sys.executable, uid=UID, act=act)
    said = place / "said"
    begun = time.monotonic()
    with said.open("w") as file:
        (place / "script").write_text(f"{text}\n{first}\n{story}")
        job = subprocess.Popen(
            ["unshare", "-m", "sh", str(place / "script")], stdout=file, stderr=file, start_new_session=True
        )
        try:
            job.wait(IN_TIME)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not over after {IN_TIME} s: {said.read_text()}") from None
        finally:
            subprocess.run(["pkill", "-KILL", "-s", str(job.pid)], check=False)
            job.wait()
            loops = subprocess.run(
                ["losetup", "-j", str(place / "copy.img")], capture_output=True, text=True, check=True
            )
            for line in loops.stdout.splitlines():
                subprocess.run(["losetup", "-d", line.partition(":")[0]], check=False)
    print(f"{act}: {time.monotonic() - begun:.1f} s")
    print(said.read_text())
    return said.read_text()


FILES = "for n in {0..39}; do head -c 3000 /dev/urandom >$AT/f$n; done"


@pytest.mark.parametrize("mount", ["", OLD_MOUNT], ids=["new", "old"])
def test_a_directory_that_turns_into_a_link_leads_nowhere(place: Path, mount: str) -> None:
    several = "; ".join(
        f"AT={at}; mkdir -p $AT; {FILES}; ln $AT/f1 $AT/hard; truncate -s 200M $AT/f2; echo x >>$AT/f2; "
        f"mkfifo $AT/f3.pipe; echo odd >$AT/$'f4\\nodd'; setfattr -n user.f5 -v 5 $AT/f5; chattr +d $AT/f6; "
        f"ln -s x $AT/f7.link"
        for at in ("swap0", "swap1", "a/swap2/b/c", "a/swap3/b", "b/swap4", "swap5/d/e")
    )
    planted(place, several)
    watched = Watched(place / "outside")
    said = copied(place, "swap_directories", mount)
    assert watched.seen() == set()
    assert "proved: " in said
    assert "left: " not in said


@pytest.mark.matrix
def test_a_file_that_turns_into_something_else_holds_nobody_up(place: Path) -> None:
    planted(place, f"AT=.; {FILES}")
    watched = Watched(place / "outside")
    said = copied(place, "swap_files")
    assert watched.seen() == set()
    assert "proved: " in said or "live: " in said or "verify: " in said


@pytest.mark.matrix
def test_a_file_of_an_exbibyte_that_is_never_at_rest_is_not_read_through(place: Path) -> None:
    planted(
        place,
        "mkdir later\nfor d in . later; do truncate -s 1E $d/huge; echo x | dd of=$d/huge seek=1T conv=notrunc\ndone",
    )
    assert "proved: " in copied(place, "write_on")


def test_pipes_without_end_are_pipes_like_others(place: Path) -> None:
    planted(place, "for n in {0..1499}; do echo pipe$n; done | xargs mkfifo")
    assert "proved: " in copied(place, "make_pipes")


def test_odd_names_and_attributes_are_copied_as_they_are(place: Path) -> None:
    planted(
        place,
        r"""
        for name in $'new\nline' $'tab\there' 'back\slash' $'\xff\xfe' '#012' '\#012' -n '*' ' ' $'a\rb' $'\x01'; do
            mkdir "./$name"; echo x >"./$name/$name"; ln -s "$name" "./$name/link"
            setfattr -n "user.$name" -v "$name" "./$name"
        done
        head -c 65000 /dev/urandom >value; setfattr -n user.large -v "0s$(base64 -w 0 value)" value
        for n in {0..400}; do setfattr -n user.n$n -v $n many 2>/dev/null || : >many; done
        """,
    )
    assert "proved: " in copied(place, "make_pipes")


def test_a_path_that_no_tool_can_be_told_is_refused_by_its_name(place: Path) -> None:
    planted(place, "name=$(printf %0200d 0); for n in {0..24}; do mkdir $name; cd $name; done; echo x >deep; cd /")
    said = copied(place, "make_pipes")
    assert re.search("live: no tool can be told a path of [45][0-9]{3} bytes: move .*/home/u/0{190}", said)
