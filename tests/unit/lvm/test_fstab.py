"""What changes fstab: the shell itself, on an /etc of its own, and a file system that is full."""

import os
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hostwright.base.scripts import NONCE
from hostwright.lvm.facts.mounts import MountUnit
from hostwright.lvm.facts.storage import Storage, header, parse_storage
from hostwright.lvm.operations.job import LIBRARY
from tests.scripts import script

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs mounts of its own")

ROOT = "/dev/mapper/centos-root / xfs defaults 0 0\n"
HOME = "UUID=a00d\t/home   xfs  defaults,nodev\t0 0"
FSTAB = f"# by the installer\n{ROOT}{HOME}\n/dev/sdz1 /srv ext4 noauto 0 0\n"
SERVED = "/dev/disk/by-id/dm-uuid-LVM-gv /home xfs defaults 0 0"
# On Debian it is a link that leads through /etc.
AWK = os.path.realpath(shutil.which("awk") or "awk")
HEADER = {
    "ID": "1", "STEPS": "1", "VG": "centos", "LV": "home", "COPY": "home_hostwright", "MOUNT": "/home", "KIND": "xfs",
    "OPTIONS": "defaults", "MARKER": "# hostwright-lvm e30=", "ORIGINAL": HOME,
}  # fmt: skip
# What LVM and udev would tell.
HOST = """
settle() { :; }
volume() { echo "$PLACE/dev/$1"; }
by_id() { echo "$PLACE/dev/by-id-$1"; }
detach_image() { :; }
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("etc", "run", "dev", "bin"):
        (tmp_path / name).mkdir()
    (tmp_path / "etc/fstab").write_text(FSTAB)
    for minor, name in enumerate(("home", "home_hostwright", "other")):
        os.mknod(tmp_path / "dev" / name, 0o60600, os.makedev(240, minor))
        (tmp_path / f"dev/by-id-{name}").symlink_to(name)
    command(tmp_path, "awk", f'exec {AWK} "$@"')
    command(tmp_path, "findfs", f'[ "$1" = UUID=a00d ] && echo "{tmp_path}/dev/home"')
    return tmp_path


def command(place: Path, name: str, text: str) -> None:
    """One that comes before the system's own."""
    (place / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
    (place / "bin" / name).chmod(0o755)


def run(place: Path, *lines: str, before: str = "", **header: str) -> tuple[int, str]:
    """Runs functions of the library where /etc and /run are the test's; its exit code, and the reason of a failure."""
    text = script(*LIBRARY, **(HEADER | {"RUN": str(place), "PLACE": str(place)} | header))
    (place / "script").write_text(
        "\n".join(
            [text, HOST, f"PATH={place}/bin:$PATH", *lines, "code=$?", f'echo "$reason" >{place}/reason', "exit $code"]
        )
    )
    mounts = f"mount --bind {place}/run /run && mount --bind {place}/etc /etc && {before or ':'}"
    inside = f"mount --make-rprivate / && {mounts} && exec sh {shlex.quote(str(place / 'script'))}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", inside], check=False, timeout=60, capture_output=True, text=True
    )
    return done.returncode, (place / "reason").read_text() + done.stderr


def fstab(place: Path) -> str:
    return (place / "etc/fstab").read_text()


def alone(place: Path) -> bool:
    return [path.name for path in (place / "etc").iterdir()] == ["fstab"]


def served(place: Path) -> str:
    return f"# hostwright-lvm e30=\n{place}/dev/by-id-home_hostwright /home xfs defaults 0 0"


def test_home_is_served_from_its_copy_and_comes_back_byte_for_byte(place: Path) -> None:
    assert run(place, "serve_volume home_hostwright") == (0, "\n")
    assert fstab(place) == FSTAB.replace(HOME, served(place))
    assert run(place, "restore_fstab") == (0, "\n")
    assert fstab(place) == FSTAB
    assert alone(place)


@pytest.mark.parametrize("end", ["", "\n", "\n\n# the end"])
@pytest.mark.parametrize("point", ["/home/", "//home", "/./home/.", "/ho\\155e", "/home", "/link"])
def test_a_line_is_found_however_it_writes_its_directory(place: Path, point: str, end: str) -> None:
    text = f"{ROOT}UUID=a00d {point} xfs defaults 0 0"
    (place / "etc/fstab").write_text(text + end)
    original = text.removeprefix(ROOT)
    assert run(place, "serve_volume home_hostwright", ORIGINAL=original)[0] == 0
    assert fstab(place) == f"{ROOT}{served(place)}{end}"
    assert run(place, "restore_fstab", ORIGINAL=original)[0] == 0
    assert fstab(place) == text + end


def test_what_a_run_that_died_left_beside_it_is_seen_and_cleared_away(place: Path) -> None:
    link = "mv /etc/fstab /etc/table && ln -s table /etc/fstab"
    looked = script("storage", **header("centos", "home"))
    for name in ("table.hostwright", "table.hostwright-old"):
        (place / "etc" / name).write_text(ROOT)
        look = f"sh -c {shlex.quote(looked)} | grep -c '^fstab_left=yes$' >{place}/seen; :"
        assert run(place, look, before=link)[0] == 0
        assert (place / "seen").read_text() == "1\n"
        link = ":"
        assert run(place, "tidy_fstab") == (0, "\n")
        assert {path.name for path in (place / "etc").iterdir()} >= {"fstab", "table"}
        assert not (place / "etc" / name).exists()
        assert run(place, look)[0] == 0
        assert (place / "seen").read_text() == "0\n"
    assert fstab(place) == FSTAB


def test_odd_names_of_directories(place: Path) -> None:
    original = "UUID=a00d /my\\040home\\134x xfs defaults 0 0"
    (place / "etc/fstab").write_text(f"{original}\n")
    words = {"ORIGINAL": original, "MOUNT": "/my home\\x"}
    assert run(place, "serve_volume home_hostwright", **words)[0] == 0
    assert fstab(place).splitlines()[1].split()[1] == "/my\\040home\\134x"
    assert run(place, "restore_fstab", **words)[0] == 0
    assert fstab(place) == f"{original}\n"


@pytest.mark.parametrize(
    "text",
    [
        ROOT,
        FSTAB.replace("nodev", "nodev,noexec"),
        FSTAB.replace(HOME, f"#{HOME}"),
        f"{FSTAB}/dev/sdy1 /home/ ext4 defaults 0 0\n",
        f"{FSTAB}{HOME}\n",
        "",
    ],
    ids=["gone", "edited", "commented", "another", "twice", "empty"],
)
def test_an_fstab_that_somebody_changed_meanwhile_is_left_to_them(place: Path, text: str) -> None:
    (place / "etc/fstab").write_text(text)
    code, reason = run(place, "serve_volume home_hostwright")
    assert code == 1
    assert "not as it was" in reason
    assert fstab(place) == text
    assert alone(place)


def test_what_was_served_is_not_restored_over_a_line_of_somebody_else(place: Path) -> None:
    text = FSTAB.replace(HOME, "/dev/sdy1 /home ext4 defaults 0 0")
    (place / "etc/fstab").write_text(text)
    assert run(place, "restore_fstab")[0] == 1
    assert fstab(place) == text


def test_a_line_that_leads_elsewhere_is_taken_back(place: Path) -> None:
    (place / "dev/by-id-home_hostwright").unlink()
    (place / "dev/by-id-home_hostwright").symlink_to("other")
    code, reason = run(place, "serve_volume home_hostwright")
    assert code == 1
    assert "which leads to" in reason
    assert fstab(place) == FSTAB
    for gone in ("by-id-home_hostwright", "home_hostwright"):
        (place / "dev" / gone).unlink()
        assert run(place, "serve_volume home_hostwright")[0] == 1
        assert fstab(place) == FSTAB
    assert alone(place)


def test_an_original_line_that_leads_to_another_device_does_not_come_back(place: Path) -> None:
    text = FSTAB.replace(HOME, served(place))
    for answer in (f'echo "{place}/dev/other"', "exit 1", "echo /dev/null"):
        (place / "etc/fstab").write_text(text)
        command(place, "findfs", answer)
        code, reason = run(place, "restore_fstab")
        assert code == 1
        assert "UUID=a00d" in reason
        assert fstab(place) == text
        assert alone(place)


def test_an_image_must_be_there(place: Path) -> None:
    assert run(place, f"serve_image {place}/home.img")[0] == 1
    assert fstab(place) == FSTAB
    (place / "home.img").touch()
    assert run(place, f"serve_image {place}/home.img")[0] == 0
    assert f"\n{place}/home.img /home xfs loop,defaults 0 0\n" in fstab(place)


def test_a_systemd_that_does_not_take_it_fails_the_step_and_the_old_text_is_back(place: Path) -> None:
    (place / "run/systemd/system").mkdir(parents=True)
    command(
        place,
        "systemctl",
        f'echo "$*" >>{place}/asked; [ -e {place}/good ] || {{ echo "Connection timed out"; exit 1; }}',
    )
    for line in (
        "serve_volume home_hostwright",
        f"serve_image {place}/script",
        "change_line '' '/dev/x /x xfs defaults 0 0'",
    ):
        code, reason = run(place, line)
        assert code == 1
        assert "Connection timed out" in reason
        assert fstab(place) == FSTAB
    (place / "good").touch()
    assert run(place, "serve_volume home_hostwright")[0] == 0
    assert set((place / "asked").read_text().splitlines()) == {"daemon-reload"}


def test_a_symbolic_link_stays_one_and_owner_and_mode_stay(place: Path) -> None:
    (place / "etc/fstab").rename(place / "etc/real")
    (place / "etc/fstab").symlink_to("real")
    (place / "etc/real").chmod(0o640)
    os.chown(place / "etc/real", 7, 8)
    assert run(place, "serve_volume home_hostwright")[0] == 0
    assert (place / "etc/fstab").is_symlink()
    status = (place / "etc/real").stat()
    assert (status.st_mode & 0o777, status.st_uid, status.st_gid) == (0o640, 7, 8)


# /etc on 256 KiB.
SMALL = {
    "tmpfs": "mount -t tmpfs -o size=256k none /etc",
    "ext4": "truncate -s 256K {disk} && mkfs.ext4 -q -m 0 -O ^has_journal -b 4096 {disk} 2>/dev/null && "
    "mount -o loop {disk} /etc && rmdir /etc/lost+found",
}
# An awk that loses what it cannot write, and says nothing.
CARELESS = f"""{AWK} "$@" | {{ cat; true; }} 2>/dev/null"""


@pytest.mark.parametrize("awk", ["", CARELESS], ids=["awk", "careless awk"])
@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("room", [0, 1, 2])
def test_a_full_etc_keeps_its_fstab_and_gets_nothing_left_behind(place: Path, kind: str, room: int, awk: str) -> None:
    """The old text takes one block, the new one two: it is full at the copy, in the middle of the new text, or not."""
    text = f"{FSTAB}# {'x' * (4090 - len(FSTAB))}\n"
    if awk:
        command(place, "awk", awk)
    full = f"""
        {SMALL[kind].format(disk=place / "disk")} && cat {place}/fstab >/etc/fstab &&
        {{ dd if=/dev/zero of=/etc/full bs=4096 2>/dev/null; sync; truncate -s -{room * 4096} /etc/full; sync; }}"""
    (place / "fstab").write_text(text)
    code, reason = run(
        place,
        "serve_volume home_hostwright",
        f"code=$?; cat /etc/fstab >{place}/result; ls /etc >{place}/names; (exit $code)",
        before=full,
    )
    found = (place / "result").read_text()
    assert (place / "names").read_text().split() == ["fstab", "full"]
    if room < 2:
        assert code == 1
        assert "full" in reason
        assert found == text
    else:
        assert (code, found) == (0, text.replace(HOME, served(place)))


def test_a_truncated_text_never_replaces_the_old_one(place: Path) -> None:
    (place / "etc/fstab").write_text(FSTAB.rstrip("\n"))
    for awk in (f'{AWK} "$@" | head -c 60; exit 2', f'{AWK} "$@" >/dev/null; exit 2', "exit 2"):
        command(place, "awk", awk)
        assert run(place, "serve_volume home_hostwright")[0] == 1
        assert run(place, "change_line '' '/dev/x /x xfs defaults 0 0'")[0] == 1
        assert fstab(place) == FSTAB.rstrip("\n")
        assert alone(place)
    command(place, "awk", f"""[ -e {place}/more ] && exec {AWK} "$@"; : >{place}/more; {AWK} "$@" | head -c 60""")
    assert run(place, "change_line '' '/dev/x /x xfs defaults 0 0'")[0] == 1
    assert fstab(place) == FSTAB.rstrip("\n")


def test_a_line_of_a_block_comes_changes_and_goes(place: Path) -> None:
    old, new = "/dev/x /x xfs defaults 0 0", "/dev/x /x xfs nodev 0 0"
    assert run(place, f"change_line '' '{old}' && change_line '{old}' '{new}'")[0] == 0
    assert fstab(place) == f"{FSTAB}{new}\n"
    assert run(place, f"change_line '{new}' ''")[0] == 0
    assert fstab(place) == FSTAB
    assert run(place, f"change_line '{new}' ''")[0] == 1
    assert fstab(place) == FSTAB
    assert alone(place)


def observed(place: Path, before: str = ":", vg: str = "centos", shrink: str = "") -> Storage:
    looking = script("processes", "storage", **header(vg, shrink))
    (place / "look").write_text(looking.replace("PATH=", f"PATH={place}/bin:"))
    mounts = f"mount --make-rprivate / && mount --bind {place}/run /run && mount --bind {place}/etc /etc && {before}"
    told = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{mounts} && exec sh {place}/look"],
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    return parse_storage(told.stdout.splitlines(), NONCE)


def test_what_lines_lead_to_is_observed(place: Path) -> None:
    (place / "home").mkdir()
    (place / "link").symlink_to("home")
    (place / "etc/fstab").write_text(
        f'/dev/../dev/null {place}/link/ xfs\n# /dev/null /c ext4\nnas:/x {place}/link nfs4\n\tLABEL="a"\t/a//b/ ext4\n'
    )
    assert [(line.spec, line.point, line.real) for line in observed(place).fstab] == [
        ("/dev/../dev/null", f"{place}/home", "/dev/null"),
        ("nas:/x", f"{place}/link", ""),
        ('LABEL="a"', "/a/b", ""),
    ]


@pytest.mark.parametrize(
    ("systemctl", "unit"),
    [
        ("exit 1", MountUnit(known=False)),
        ("echo FragmentPath=; echo DropInPaths=", MountUnit()),
        ("echo FragmentPath={unit}; echo DropInPaths=", MountUnit(path="{unit}", options="nodev,x=y")),
        ("echo FragmentPath=/run/systemd/generator/home.mount", MountUnit()),
        ("echo DropInPaths={unit}; echo FragmentPath=/none", MountUnit(path="/none", options="nodev,x=y")),
        ("echo DropInPaths={unit}; echo FragmentPath=", MountUnit(path="{unit}", options="nodev,x=y")),
    ],
)
def test_the_unit_that_mounts_home_is_observed(place: Path, systemctl: str, unit: MountUnit) -> None:
    (place / "home.mount").write_text("[Mount]\n What = /dev/x\nWhere=/home\nOptions=nodev,x=y\n")
    for name in ("home", "run/systemd/system"):
        (place / name).mkdir(parents=True)
    own = str(place / "home.mount")
    command(place, "systemctl", f'[ "$6" = {place}/home ] || exit 9; {systemctl.format(unit=own)}')
    mounted = (
        f"cd {place} && truncate -s 1M disk && mkfs.ext4 -q disk 2>/dev/null && mount -o loop disk home"
        f" && rm {place}/dev/home && ln -s $(losetup -n -O NAME -j {place}/disk) {place}/dev/home"
    )
    found = observed(place, mounted, vg=f"..{place}/dev", shrink="home").unit
    assert found == replace(unit, path=unit.path.format(unit=own))


def test_a_list_in_lvm_conf_that_lvm_does_not_tell_is_known(place: Path) -> None:
    (place / "etc/lvm").mkdir()
    for text, active in (("# volume_list = []", ()), ('  volume_list = [ "@web" ]', None)):
        (place / "etc/lvm/lvm.conf").write_text(f"activation {{\n{text}\n}}\n")
        command(place, "lvm", "exit 5")
        assert observed(place).active == active


def test_what_a_lost_run_has_left_as_home_is_found_in_a_directory_with_a_blank(place: Path) -> None:
    (place / "my home").mkdir()
    (place / "etc/fstab").write_text(f"# hostwright-lvm e30=\n/x {place}/my\\040home ext4 loop 0 0\n")
    mounted = f"cd {place} && truncate -s 1M disk && mkfs.ext4 -q disk 2>/dev/null && mount -o loop disk 'my home'"
    assert observed(place, mounted).file_systems["as served"].mounted == f"{place}/my home"
