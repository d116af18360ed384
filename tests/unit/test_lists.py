"""Where lists of what is in home lie: the plan's choice, and the shell that makes the place and clears it away."""

import os
import shlex
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostwright.shell import script
from tests.unit.mounts import ROOT, wait_for

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
    text = script("ownership", "places") + f"\nwhy() {{ return 1; }}\n{function} {shlex.quote(path)}"
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
