"""Volumes that were cut: what real file systems say of themselves, and what LVM makes of the commands that we name."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hostwright.base.scripts import NONCE
from hostwright.lvm.facts.archives import Archives, parse_archives
from hostwright.lvm.facts.storage import header, parse_storage
from hostwright.lvm.plan.cut import Cut, refused
from tests.scripts import script
from tests.unit.lvm.hosts import file_system, storage, volume

MIB = 1024**2
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs loop devices")


def sh(text: str, **environment: str) -> str:
    done = subprocess.run(
        ["unshare", "-m", "sh", "-euc", text],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# -- what a file system says of its size


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    """/dev/VG/home, of 320 MiB."""
    (tmp_path / "image").touch()
    os.truncate(tmp_path / "image", 320 * MIB)
    loop = sh(f"losetup -f --show '{tmp_path}/image'").strip()
    group = Path(f"/dev/hostwright-test-{os.getpid()}")
    group.mkdir()
    (group / "home").symlink_to(loop)
    try:
        yield group / "home"
    finally:
        (group / "home").unlink()
        group.rmdir()
        sh(f"losetup -d {loop}")


MAKE = {"xfs": "mkfs.xfs -q -f", "ext4": "mkfs.ext4 -q -F", "ext2": "mkfs.ext2 -q -F", "btrfs": "mkfs.btrfs -q -f"}
CUT = "truncate -s 256M '{place}/image'; losetup -c $(readlink -f {device}); "
OVER = "mount -t tmpfs none '{place}/at'; "


def size_of(device: Path, place: Path, before: str = "", stand_ins: str = "") -> int:
    """What is told of /dev/VG/home, after the commands `before`, where commands may be others."""
    (place / "at").mkdir(exist_ok=True)
    words = header(device.parent.name, "home")
    looking = script("processes", "storage", **words)
    text = sh(f"{before.format(place=place, device=device)} set +eu; {stand_ins}\n{looking}")
    return parse_storage(text.splitlines(), NONCE).file_systems["home"].spans


@pytest.mark.parametrize("kind", MAKE)
def test_a_file_system_tells_its_size_wherever_its_volume_ends(kind: str, device: Path, tmp_path: Path) -> None:
    mount = "mount {device} '{place}/at'; "
    for before in ("", mount, mount + OVER, mount + CUT, mount + CUT + OVER, CUT):
        sh(f"truncate -s 320M '{tmp_path}/image'; losetup -c $(readlink -f {device}); {MAKE[kind]} {device}")
        assert size_of(device, tmp_path, before) == 320 * MIB, before


@pytest.mark.parametrize("kind", MAKE)
def test_nothing_is_told_where_the_looking_fails(kind: str, device: Path, tmp_path: Path) -> None:
    sh(f"{MAKE[kind]} {device}")
    failing = "; ".join(f"{name}() {{ return 1; }}" for name in ("od", "xfs_info", "dumpe2fs", "btrfs"))
    for before in ("", "mount {device} '{place}/at'; "):
        assert size_of(device, tmp_path, before, failing) == 0
    for short in ("0 0", "88 70 83 66 0 0", ""):
        assert size_of(device, tmp_path, "", f"od() {{ echo {short}; }}; dumpe2fs() {{ :; }}; btrfs() {{ :; }}") == 0


# -- what LVM makes of the commands


class Lvm:
    """LVM as it is installed, on two disks of its own, without the kernel's device mapper."""

    def __init__(self, place: Path, disks: list[str]) -> None:
        self.place, self.disks = place, disks
        only = ", ".join([*(f'"a|^{disk}$|"' for disk in disks), '"r|.*|"'])
        (place / "lvm.conf").write_text(
            f"devices {{ filter=[{only}] global_filter=[{only}] use_devicesfile=0 obtain_device_list_from_udev=0 }}\n"
            "global { activation=0 use_lvmpolld=0 }\n"
            f'backup {{ backup_dir="{place}/backup" archive_dir="{place}/archive" }}\n'
        )
        self.run("pvcreate -qq {a} {b}; vgcreate -qq rl {a} {b}")

    def run(self, text: str) -> str:
        """{a} and {b} are the disks."""
        first, second = self.disks
        text = text.replace("{a}", first).replace("{b}", second)
        return sh(text, LVM_SYSTEM_DIR=str(self.place), LVM_SUPPRESS_FD_WARNINGS="1")

    def segments(self) -> list[str]:
        """Of the volume `data`, where each of its extents is; pieces that go on as one are one."""
        return self.run("lvs --noheadings -o seg_start_pe,seg_pe_ranges,stripes --segments rl/data").split("\n")

    def refusal(self, size: int) -> str:
        """For a file system of so many extents on `data`."""
        columns = self.run("lvs --noheadings -o vg_uuid,lv_uuid,vg_seqno,lv_size --units 4194304b rl/data").split()
        disks = dict(line.split() for line in self.run("pvs --noheadings -o pv_uuid,pv_name").splitlines())
        (group,) = storage().groups
        group = replace(
            *(group,),
            name="rl",
            uuid=columns[0],
            sequence=int(columns[2]),
            disks=tuple(replace(group.disks[0], uuid=uuid, name=name) for uuid, name in disks.items()),
        )
        home = volume("data", int(float(columns[3][:-1])), 1, uuid=columns[1])
        cut = Cut(group, home, file_system("xfs", size, ""))
        found = parse_archives(self.run(script("archives", VG="rl")).splitlines(), NONCE)
        assert not found.unreadable
        assert found.directories == (f"{self.place}/archive", f"{self.place}/backup")
        return str(refused(cut, found))


@pytest.fixture
def lvm(tmp_path: Path) -> Iterator[Lvm]:
    disks: list[str] = []
    try:
        for name in ("a", "b"):
            (tmp_path / name).touch()
            os.truncate(tmp_path / name, 400 * MIB)
            disks.append(sh(f"losetup -f --show '{tmp_path}/{name}'").strip())
        yield Lvm(tmp_path, disks)
    finally:
        sh(f"losetup -d {' '.join(disks)}")


CREATE = "lvcreate -qq -an -Zn -Wn -n"
STORIES = {
    "one piece": (f"{CREATE} data -l 50 rl", 20),
    "pieces on two disks, the larger one last": (
        f"{CREATE} data -l 20 rl {{a}}; {CREATE} other -l 10 rl {{a}}; lvextend -qq -l 30 rl/data {{a}}:45-54; "
        "lvextend -qq -l 50 rl/data {b}:5-24; lvextend -qq -l 55 rl/data {a}:60-64",
        12,
    ),
    "stripes": (f"{CREATE} data -i 2 -I 64k -l 40 rl", 10),
    "stripes, then one piece": (
        f"{CREATE} data -i 2 -I 64k -l 20 rl; lvextend -qq -l 30 -i 1 rl/data {{b}}:80-89",
        6,
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_what_is_named_gives_the_volume_the_very_extents_that_it_had(story: str, lvm: Lvm) -> None:
    made, less = STORIES[story]
    lvm.run(made)
    before, size = lvm.segments(), int(lvm.run("lvs --noheadings -o lv_size --units 4194304b rl/data").split(".")[0])
    lvm.run(f"lvreduce -qq -f -y -l {less} rl/data; {CREATE} more -l 1 rl {{b}}:98; lvremove -qq -y rl/more")
    assert lvm.segments() != before
    message = lvm.refusal(size)
    assert "brings it back" in message
    lvm.run(message.split("`")[1])
    assert lvm.segments() == before


def test_extents_that_somebody_had_meanwhile_are_not_given_back(lvm: Lvm) -> None:
    lvm.run(f"{CREATE} data -l 50 rl {{a}}; lvreduce -qq -f -y -l 20 rl/data")
    lvm.run(f"{CREATE} more -l 1 rl {{a}}:49; lvremove -qq -y rl/more")
    message = lvm.refusal(50)
    assert "used meanwhile, by rl/more" in message
    assert "lvextend" not in message


def test_an_archive_that_was_cut_short_or_emptied_is_told(lvm: Lvm) -> None:
    lvm.run(f"{CREATE} data -l 50 rl {{a}}; lvreduce -qq -f -y -l 20 rl/data; lvrename -qq rl/data rl/new")
    lvm.run("lvrename -qq rl/new rl/data")
    archive = sorted((lvm.place / "archive").iterdir())[-1]
    for content in (archive.read_bytes()[:-20], b"\0" * 3000, b"", "é\xff{".encode()):
        archive.write_bytes(content)
        found = parse_archives(lvm.run(script("archives", VG="rl")).splitlines(), NONCE)
        assert found.unreadable == (str(archive),)


def test_where_lvm_does_not_say_where_its_archives_are_they_are_where_they_always_were() -> None:
    looking = script("archives", VG="no-such-group")
    found = parse_archives(sh(f"lvm() {{ return 5; }}\n{looking}").splitlines(), NONCE)
    assert found == Archives((), (), ("/etc/lvm/archive", "/etc/lvm/backup"))
    # A host that ends in the middle has not told where it looked, and is not believed.
    ended = parse_archives(sh(f"lvm() {{ exit 5; }}; head() {{ exit 1; }}\n{looking}").splitlines()[:-3], NONCE)
    assert not ended.directories
