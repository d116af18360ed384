"""How home is taken away and comes back: the job's shell itself, on real mounts, with LVM and systemd of our making."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostwright.lvm.operations.job import LIBRARY
from tests.scripts import script
from tests.unit.lvm.mounts import ROOT, Host

# Tags of the group, a line each.
LVM = """#!/bin/sh
tags={place}/tags
case $1 in
    vgs) tr '\\n' , <"$tags" | sed 's/,$//; s/^/  /' ;;
    *) exit 3 ;;
esac
"""
VGCHANGE = """#!/bin/sh
case $1 in
    --addtag) echo "$2" >>{place}/tags ;;
    --deltag) grep -vxF "$2" {place}/tags >{place}/tags.new; mv {place}/tags.new {place}/tags ;;
esac
"""
DEVICE = "/dev/disk/by-id/none"


class Machine(Host):
    """A host whose home is on a block device, and whose directory beneath can be made immutable."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.run = place / "jobs" / "now"
        self.run.mkdir(parents=True)
        (place / "tags").touch()
        self.device = ""
        self.sh(
            f"umount {self.home} && umount {self.base} && truncate -s 20M {place}/below && "
            f"mke2fs -q -t ext4 {place}/below && "
            f"mount -o loop {place}/below {self.base} && mount --make-shared {self.base} && mkdir {self.home}"
        )
        self.device = self.sh(f"losetup -f --show {place}/image").strip()
        self.sh(f"mount {self.device} {self.home} && touch {place}/fstab && mount --bind {place}/fstab /etc/fstab")
        self.fstab(self.device)
        for name, text in (("lvm", LVM), ("vgchange", VGCHANGE), ("udevadm", "#!/bin/sh\n")):
            self.put_command(name, text.replace("{place}", str(place)))

    def fstab(self, spec: str, options: str = "defaults") -> None:
        (self.place / "fstab").write_text(f"{spec} {self.home} ext4 {options} 0 0\n")

    def does(self, commands: str, *, stubs: str = "", check: bool = True, **variables: str) -> str:
        """What the job says; `variables` of the job that are not as ever."""
        header = {
            "RUN": str(self.run),
            "WORK": str(self.place / "jobs" / "mnt"),
            "MOUNT": str(self.home),
            "OPTIONS": "defaults",
            "VG": "centos",
            "LV": "home",
            "COPY": "home_hostwright",
            "LOGIN": "1",
            "BUSY": "stop",
        } | variables
        text = script(*LIBRARY, **header)
        lines = [text, f"PATH={self.place}/bin:$PATH", "discard() { :; }", stubs, commands]
        (self.place / "script").write_text("\n".join(lines))
        return self.sh(f"sh {self.place}/script", check=check)

    @property
    def flags(self) -> str:
        self.sh(f"mkdir -p {self.place}/look && mount --bind {self.base} {self.place}/look")
        said = self.sh(f"lsattr -d {self.place}/look/home; umount {self.place}/look")
        return said.split()[0]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    for name in (made.base, made.place / "look"):
        subprocess.run(
            [
                "nsenter",
                f"--mount=/proc/{made.keeper.pid}/ns/mnt",
                "sh",
                "-c",
                f"umount -R {name}/home; chattr -i {name}/home",
            ],
            capture_output=True,
            check=False,
        )
    for other in reversed(made.others):
        other.kill()
        other.wait()
    subprocess.run(["losetup", "-d", made.device], check=False)


# Frozen, and taken away as far as the kernel lets it: a namespace has it still.
TAKEN = "mount -o remount,ro $MOUNT && cover && umount $MOUNT"


@ROOT
@pytest.mark.parametrize("held", [False, True])
def test_home_is_back_though_a_namespace_has_it_still(machine: Machine, held: bool) -> None:
    if held:
        machine.starts("unshare", "-m", "sh", "-c", "mount --make-rprivate / && exec sleep 600")
    assert "i" not in machine.flags
    machine.does(TAKEN)
    assert "i" in machine.flags
    assert (machine.place / "tags").read_text() == "hostwright.cover.home\n"
    assert f"{machine.home} is back: /dev/loop" in machine.does("reason=why; undo; echo $reason")
    machine.sh(f"touch {machine.home}/f")
    assert "i" not in machine.flags
    assert (machine.place / "tags").read_text() == ""


@ROOT
def test_a_look_whether_it_is_back_is_no_time_that_it_was_read(machine: Machine) -> None:
    machine.sh(f"touch -a -d @86400 {machine.home}")
    machine.does("is_back")
    assert machine.sh(f"stat -c %X {machine.home}") == "86400\n"
    assert "relatime" in machine.sh(f"findmnt -n -o OPTIONS {machine.home}")
    machine.sh(f"ls {machine.home} && [ $(stat -c %X {machine.home}) != 86400 ]")


def fails(name: str) -> str:
    return f"{name}() {{ return 1; }}"


FAULTS = {
    "it cannot be mounted": (fails("mount"), "could not be mounted"),
    "its directory stays immutable": (fails("chattr"), "cannot be written again"),
    "the group does not tell its tags": (fails("lvm"), "vgs"),
    "nobody tells of the mark": (fails("getfattr"), "getfattr"),
    "it stays read-only": (
        'mount() { case $* in *remount,rw*) return 1 ;; "$MOUNT") set -- -o ro "$1" ;; esac; command mount "$@"; }',
        "read-only",
    ),
    "it cannot be read": (fails("unshare"), "cannot be read"),
    "fstab does not tell": (fails("findmnt"), "fstab"),
    "mounts cannot be seen": (
        'sleep() { :; }; awk() { case $* in */proc/*) return 1 ;; *) command awk "$@" ;; esac; }',
        "NOT back",
    ),
}


@ROOT
@pytest.mark.parametrize("fault", FAULTS)
def test_home_is_not_said_to_be_back_while_it_is_not(machine: Machine, fault: str) -> None:
    machine.does(TAKEN)
    stubs, says = FAULTS[fault]
    said = machine.does("undo", stubs=stubs)
    assert "is back" not in said
    assert f"{machine.home} is NOT back as it was: " in said
    assert says in said
    # The next run begins with this, and says the same or does it.
    assert machine.does("put_back || echo failed: $reason", stubs=stubs).splitlines()[-1].startswith("failed: ")
    machine.does("put_back || { echo $reason; exit 1; }")
    machine.sh(f"touch {machine.home}/f")
    assert "i" not in machine.flags
    assert (machine.place / "tags").read_text() == ""


@ROOT
def test_what_is_mounted_from_elsewhere_is_not_home(machine: Machine) -> None:
    machine.fstab("/dev/loop-control")
    assert "and fstab says /dev/loop-control" in machine.does("undo")


@ROOT
def test_options_may_forbid_to_write(machine: Machine) -> None:
    machine.fstab(machine.device, "ro")
    machine.does("umount $MOUNT")
    assert "is back" in machine.does("undo", OPTIONS="nosuid,ro")


@ROOT
def test_a_directory_that_an_admin_made_immutable_stays_so(machine: Machine) -> None:
    machine.sh(f"umount {machine.home} && chattr +i {machine.home} && mount {machine.home}")
    machine.does(f"{TAKEN} && put_back || {{ echo $reason; exit 1; }}")
    assert "i" in machine.flags
    # Not knowing is no reason to take it for ours.
    machine.does("cover && exit 1; echo $reason", stubs=fails("lsattr"))
    assert (machine.place / "tags").read_text() == ""


@ROOT
def test_home_is_not_taken_for_frozen_or_unmounted_where_mounts_cannot_be_seen(machine: Machine) -> None:
    stubs = "awk() { return 127; }; make_room() { :; }; QUOTA="
    assert "did not become read-only" in machine.does("freeze || echo $reason", stubs=stubs)
    said = machine.does("tries=99; sleep() { :; }; umount() { return 1; }; unmount $MOUNT || echo $reason", stubs=stubs)
    assert "held by: whom could not be found out" in said


# -- who is stopped, and started again

HELD = {
    "docker.service": "process\t10\troot\tdocker.service\topen file\tdockerd",
    "docker/0123456789ab": "process\t11\troot\tdocker/0123456789ab\tmount namespace\tweb",
    "user@0.service/docker.service": "process\t12\tada\tuser@0.service/docker.service\tworking directory\tvi",
}
LOGGED = """#!/bin/sh
echo "${{0##*/}} $*" >>{place}/calls
case " $* " in {fails}) exit 1 ;; esac
"""


def stops(
    machine: Machine, *, failing: str = "nothing", commands: str = "make_room || echo failed: $reason"
) -> list[str]:
    for name in ("systemctl", "docker", "runuser"):
        machine.put_command(name, LOGGED.format(place=machine.place, fails=failing))
    lines = "\n".join(HELD.values())
    stubs = f"""
steady_holders() {{ [ -e $RUN/seen ] || echo '{lines}'; : >$RUN/seen; }}
holders() {{ :; }}
"""
    said = machine.does(commands, stubs=stubs).splitlines()
    calls = machine.place / "calls"
    found = calls.read_text().splitlines() if calls.exists() else []
    calls.unlink(missing_ok=True)
    return [*found, *(line for line in said if line.startswith("failed"))]


def of_user(calls: list[str]) -> list[str]:
    return [" ".join(word for word in call.split() if not word.startswith("PATH=")) for call in calls]


@ROOT
def test_each_is_stopped_by_whom_it_belongs_to_and_started_again(machine: Machine) -> None:
    own = "runuser -u root -- env -i XDG_RUNTIME_DIR=/run/user/0 systemctl --user {} -- docker.service"
    assert of_user(stops(machine)) == [
        own.format("stop"),
        "docker stop 0123456789ab",
        "systemctl stop -- docker.service",
    ]
    assert (machine.run / "units").read_text().splitlines() == sorted(HELD, reverse=True)
    # A run that comes after, and what an older package had left for it.
    (machine.run / "units").rename(machine.run.parent / "units")
    for name in ("lost", "older"):
        (machine.run.parent / name).mkdir()
    (machine.run.parent / "units").rename(machine.run.parent / "lost" / "units")
    (machine.run.parent / "older" / "units").write_text("docker.service\nold.service\n")
    assert of_user(stops(machine, commands="start_units; start_units")) == [
        "systemctl start -- docker.service",
        "docker start 0123456789ab",
        own.format("start"),
        "systemctl start -- docker.service",
        "systemctl start -- old.service",
    ]


@ROOT
def test_a_users_manager_that_does_not_obey_is_stopped_as_a_whole(machine: Machine) -> None:
    calls = of_user(stops(machine, failing="*' --user '*"))
    assert calls[1] == "systemctl stop -- user@0.service"
    assert "user@0.service" in (machine.run / "units").read_text().splitlines()
    assert not calls[-1].startswith("failed")


@ROOT
def test_what_cannot_be_noted_is_not_stopped(machine: Machine) -> None:
    (machine.run / "units").mkdir()
    calls = stops(machine)
    assert len(calls) == 1
    assert "is not stopped" in calls[0]


@ROOT
@pytest.mark.parametrize("busy", ["refuse", "stop"])
def test_whoever_cannot_look_does_not_go_on(machine: Machine, busy: str) -> None:
    said = machine.does("make_room && echo room; echo $reason", stubs=fails("holders"), BUSY=busy)
    assert "room" not in said.splitlines()
    assert "could not be found out" in said


@pytest.mark.parametrize(
    "value",
    [
        "",
        "/home",
        "/ho me",
        "it's",
        "''",
        "'",
        '"\'"\'"',
        "$(touch {place}/pwn)",
        "`touch {place}/pwn`",
        "a;b",
        "\\",
        "-n",
    ],
)
def test_what_a_lost_run_was_about_is_data(tmp_path: Path, value: str) -> None:
    value = value.replace("{place}", str(tmp_path))
    header = script(MOUNT=value, OPTIONS="defaults", VG="centos", LV="home")
    text = f"{script('rebalance')}\ntold=$(cat) && told_of MOUNT"
    said = subprocess.run(["sh", "-c", text], input=header, capture_output=True, text=True, check=True)
    assert said.stdout == f"{value}\n"
    assert not (tmp_path / "pwn").exists()


@ROOT
def test_a_lost_run_is_put_right_only_when_all_of_it_is_known(machine: Machine) -> None:
    lost = machine.run.parent / "lost"
    lost.mkdir()
    header = f"MOUNT={machine.home}\nOPTIONS=defaults\nVG=centos\nLV=home\nMARKER='# hostwright-lvm x'\n# the library\n"
    machine.does(TAKEN)
    for stubs, text in ((fails("grep"), header), (fails("sed"), header), (fails("xargs"), header), ("", "# nothing\n")):
        (lost / "job.sh").write_text(text)
        assert machine.does("recover lost || echo failed: $reason", stubs=stubs).splitlines()[-1].startswith("failed")
        assert not (lost / "status").exists()
    (lost / "job.sh").write_text(header)
    assert "failed" not in machine.does("recover lost || echo failed: $reason", MOUNT="", OPTIONS="")
    assert (lost / "status").read_text() == "1 ended by force\n"
    machine.sh(f"touch {machine.home}/f")
