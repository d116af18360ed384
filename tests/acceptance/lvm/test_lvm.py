"""Space moves from home to root on real machines, and every entry of home is what it was."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.acceptance.story import identity, is_as_before, moves_everything, planted, reads_leave_no_trace, state
from tests.campaign.boot import LEFT
from tests.lab.machine import Machine
from tests.lab.tree import bring, listing

MakeHost = Callable[..., Any]


def test_xfs_with_no_free_extent_is_staged_on_root(make_host: MakeHost) -> None:
    host = make_host()
    machine = host.machine
    # Only what has the tag may be active here, at boot too.
    machine.succeed(
        "lvchange -q -r 512 --addtag web centos/home && lvchange -q --addtag web centos/root && "
        "sed -i 's/^activation {/&\\n volume_list = [ \"@web\" ]/' /etc/lvm/lvm.conf"
    )
    before = state(machine)
    text, plan = host.plan()
    assert "way: staging" in text
    assert plan["way"] == "staging"
    assert state(machine) == before, "--dry changed the host"
    picture = text.split("lab: volume group", 1)[1].split("[lab] Ready")[0].splitlines()
    assert len(picture) > 20
    assert max(map(len, picture)) <= 80

    text = moves_everything(host)
    assert "[lab]     reading copy: " in text
    # The plan is JSON too, and --json leaves nothing else on stdout.
    run = host.pyinfra("-y", "--json")
    assert run.code == 0
    assert run.out.lstrip().startswith("{")
    assert "hostwright" not in machine.succeed(
        "mount; losetup -a; dmsetup ls; systemctl list-units --all --plain 'hostwright*'"
    )
    assert machine.succeed("lvs --noheadings --units s -o lv_tags,lv_read_ahead centos/home").split() == ["web", "512S"]
    machine.reboot()
    machine.succeed("findmnt -n /home && df /home && touch /home/works")


@pytest.mark.matrix
def test_ext4_beside_itself_for_a_sudo_user_who_lives_there(make_host: MakeHost) -> None:
    host = make_host(user="admin", home_fs="ext4", free="2500M", mount_by="UUID")
    host.machine.succeed("dpkg --purge --force-depends rsync attr >/dev/null 2>&1; ! command -v rsync")
    # The tree needs setfattr, so it is planted with what it takes from another place: only rsync is missing.
    host.machine.succeed("apt-get install -y --no-install-recommends attr >/dev/null 2>&1")
    assert "install rsync with apt-get" in host.pyinfra("--dry").err
    with shows_no_script(host.machine):
        text = moves_everything(host)
    assert "way: beside" in text


@contextmanager
def shows_no_script(machine: Machine) -> Iterator[None]:
    """Nothing of our scripts is in the process list, nor in what sudo writes in the journal."""
    machine.succeed("setsid sh -c 'while sleep 0.3; do ps axww -o args; done >/run/seen' </dev/null >/dev/null 2>&1 &")
    yield
    seen = machine.succeed("pkill -f '[d]one >/run/seen'; cat /run/seen; journalctl -t sudo -o cat --no-pager")
    for title in ("LvmStorage", "LvmSurvey", "job start", "job follow"):
        assert re.search(f"COMMAND=.*sh -s hostwright {title}", seen), title
    assert "\nsh -s hostwright " in seen
    assert "section" not in seen
    assert "acquire()" not in seen
    assert max(len(line) for line in seen.splitlines() if "COMMAND=" in line) < 250


@pytest.mark.matrix
def test_btrfs_in_place_keeps_its_snapshots(make_host: MakeHost) -> None:
    host = make_host(home_fs="btrfs", mount_by="LABEL")
    host.machine.succeed("echo kept >/home/admin/kept && btrfs subvolume snapshot -r /home /home/snapshot")
    reads_leave_no_trace(host.machine)
    known, before = identity(host.machine), listing(host.machine)
    text = host.deploy().err
    assert "way: in-place" in text
    is_as_before(host.machine, before)
    assert identity(host.machine) == known
    assert host.machine.succeed("cat /home/snapshot/admin/kept") == "kept\n"
    host.is_verified()
    # What a power cut leaves that comes when all is done but this.
    host.machine.succeed(
        "mount --bind / /mnt && setfattr -n trusted.hostwright.cover -v 1 /mnt/home && chattr +i /mnt/home; "
        "umount /mnt; vgchange --addtag hostwright.cover.home centos"
    )
    assert "make the directory beneath /home writable again" in host.deploy().err
    assert "hostwright" not in host.machine.succeed(LEFT)
    assert host.pyinfra("-y").unchanged


OF_ADMIN = 'runuser -u admin -- env XDG_RUNTIME_DIR="/run/user/$(id -u admin)" systemctl --user'
SSH_PID = "systemctl show -p MainPID ssh.service"


@pytest.mark.matrix
def test_a_scratch_disk_is_borrowed_and_a_lost_controller_finds_its_job_again(make_host: MakeHost) -> None:
    host = make_host(
        "trixie", spare_disks=("2G",), data={"lvm_scratch": "/dev/vdb", "lvm_busy": "stop", "lvm_shrink_to": "700M"}
    )
    machine = host.machine
    machine.succeed(
        "printf '[Service]\\nWorkingDirectory=/home/admin\\nExecStart=/bin/sleep infinity\\n' "
        ">/etc/systemd/system/lives.service && systemctl daemon-reload && systemctl start lives.service"
    )
    # A user's unit with the name of the system's, and a service with a mount below home in a namespace of its own.
    machine.succeed(
        "mkdir -p /etc/systemd/user /etc/systemd/system/user@.service.d && "
        "printf '[Service]\\nExecStart=/bin/sleep 700\\n' >/etc/systemd/user/ssh.service && "
        # Where pam_systemd is missing nobody tells the manager.
        "printf '[Service]\\nEnvironment=XDG_RUNTIME_DIR=/run/user/%%i\\n' "
        ">/etc/systemd/system/user@.service.d/lab.conf && "
        "printf '[Service]\\nProtectSystem=strict\\nReadWritePaths=/home/admin\\nExecStart=/bin/sleep 701\\n' "
        ">/etc/systemd/system/strict.service && systemctl daemon-reload && "
        "systemctl start strict.service user@$(id -u admin).service"
    )
    machine.wait_until_succeeds(f"{OF_ADMIN} start ssh.service", 60)
    ssh, own = machine.succeed(SSH_PID), machine.succeed(f"{OF_ADMIN} show -p MainPID ssh.service")
    before, known = planted(machine), identity(machine)
    assert "lives.service" in host.pyinfra("--dry").err
    assert "in use" in host.pyinfra("--dry", busy="refuse").err

    with host.running():
        machine.wait_until_succeeds("grep -q 'copy /home' /run/hostwright/lvm/current/log", 600)
    assert "copy_live" in machine.succeed("cat /run/hostwright/lvm/current/job.sh")
    # The connection of the next one is lost while it looks or follows; its commands are too short to be waited for.
    machine.succeed("setsid sh -c 'sleep 20; pkill -f \"^sshd.*: root@notty\"' </dev/null >/dev/null 2>&1 &")
    run = host.pyinfra("-y")
    assert run.code == 0, run.err
    assert "still at work" in run.err
    assert run.err.count("Connected") == 2, run.err

    is_as_before(machine, before)
    assert identity(machine) == known
    host.is_verified()
    assert host.pyinfra("-y").unchanged
    assert machine.succeed("systemctl is-active lives.service strict.service") == "active\nactive\n"
    assert machine.succeed(f"{OF_ADMIN} is-active ssh.service") == "active\n"
    assert machine.succeed(SSH_PID) == ssh
    assert machine.succeed(f"{OF_ADMIN} show -p MainPID ssh.service") != own
    assert machine.succeed("pvs --noheadings -o pv_name").split() == ["/dev/vda"]
    machine.succeed('cmp -n 800000000 /dev/vdb /dev/zero && test -z "$(wipefs -n /dev/vdb)"')


REFUSALS = [
    ({"shrink_to": "50"}, ["lvm_shrink_to = 50: ", "without a unit"]),
    ({"shrink_to": "100G"}, ["larger than"]),
    ({"shrink_to": "100M"}, ["300 MiB"]),
    ({"vg": "nowhere"}, ["nowhere", "centos"]),
    ({"shrink": "srv"}, ["srv", "home"]),
    ({"strategy": "in-place"}, ["XFS cannot shrink in place"]),
    ({"staging": "/dev/shm"}, ["tmpfs"]),
    ({"scratch": "/dev/vdb"}, ["not empty"]),
    ({"scratch": "/dev/vdc"}, ["GiB less"]),
]
SERVICE = "systemd-run -q --service-type=exec"
STRICT = ("systemctl stop strict", ["sleep 602", "strict.service", "mount namespace"])
# What unit tests refuse for the same reasons, and no host is needed to know.
SLIPS = [
    ({"shrink_to": "-1G"}, ["relative"]),
    ({"shrink_to": "lots"}, ["no size"]),
    ({"grow": "home"}, ["lvm_shrink names it too"]),
    ({"grow_to": "1G"}, ["below the present size"]),
    ({"strategy": "sideways"}, ["lvm_strategy"]),
    ({"busy": "kill"}, ["lvm_busy"]),
    ({"staging": "/home/admin"}, ["lvm_staging", "itself"]),
    ({"staging": "var"}, ["absolute"]),
    ({"scratch": "/dev/vda"}, ["lvm_scratch"]),
    ({"scratch": "/dev/vdz"}, ["no disk"]),
    ({"staging": "/var", "scratch": "/dev/vdc"}, ["one of them"]),
]


def is_refused(host: Any, words: list[str], **data: str) -> None:
    run = host.pyinfra("-y", **data)
    assert run.code == 1, run.err
    assert "Traceback" not in run.err
    for word in ("lab", "refused, nothing was changed", *words):
        assert word in run.err, (data, run.err)


@pytest.mark.soak
def test_slips_of_the_pen_are_refused(make_host: MakeHost) -> None:
    host = make_host(spare_disks=("3G", "1G"))
    before = state(host.machine)
    for data, words in SLIPS:
        is_refused(host, words, **data)
    assert state(host.machine) == before


def test_refusals_come_before_anything_is_touched(make_host: MakeHost) -> None:
    host = make_host(spare_disks=("3G", "1G"))
    machine = host.machine
    machine.succeed("mkfs.ext4 -q /dev/vdb")
    before = state(machine)

    for data, words in REFUSALS:
        is_refused(host, words, **data)
    assert state(machine) == before

    hindrances = [
        ("setsid sleep 600 </dev/null >/dev/null 2>&1 &", "pkill sleep", ["sleep 600", "working directory"]),
        ("truncate -s 10M loop && losetup /dev/loop5 loop", "losetup -d /dev/loop5; rm loop", ["loop device"]),
        (
            "fallocate -l 20M swap && chmod 600 swap && mkswap -q swap && swapon swap",
            "swapoff swap; rm swap",
            ["swap file"],
        ),
        ("mkdir x && mount -t tmpfs none x", "umount x; rmdir x", ["beneath /home", "/home/x"]),
        ("mkdir /mnt/b && mount --bind /home/admin /mnt/b", "umount /mnt/b; rmdir /mnt/b", ["more than once"]),
        (
            "unshare -m sh -c 'mount --make-rprivate / && cd / && exec sleep 601' </dev/null >/dev/null 2>&1 &",
            "pkill sleep",
            ["sleep 601", "mount namespace"],
        ),
        # Mounts below home in a namespace of the service's own.
        (f"{SERVICE} --unit=strict -p ProtectSystem=strict -p ReadWritePaths=/home/admin sleep 602", *STRICT),
        (f"{SERVICE} --unit=shut -p InaccessiblePaths=/home/admin sleep 603", "systemctl stop shut", ["shut.service"]),
    ]
    # These let home go, though they have it too.
    machine.succeed(
        f"{SERVICE} --unit=covers -p ProtectHome=yes sleep 604 && {SERVICE} --unit=reads -p ProtectHome=read-only "
        f"-p ProtectSystem=strict sleep 605"
    )
    assert "refused" not in host.pyinfra("--dry").err
    for begin, end, words in hindrances:
        machine.succeed(f"cd /home\n{begin}\nsleep 1")
        is_refused(host, words)
        machine.succeed(f"cd /home && {{ {end}; }}")
    machine.succeed("cp /etc/fstab /root/fstab && sed -i '/home/d' /etc/fstab")
    is_refused(host, ["/etc/fstab"])
    machine.succeed("cp /root/fstab /etc/fstab")
    machine.succeed("umount /home")
    is_refused(host, ["not mounted"])
    machine.succeed("mount /home")
    assert machine.succeed("vgs --noheadings -o vg_seqno centos") == before.split("\n")[0] + "\n"


def follows(machine: Any, refused: str) -> None:
    """Does what a refusal says between its quotation marks, as it is written."""
    if line := re.search(r"write '(.*?)' into /etc/fstab", refused):
        machine.succeed(f"echo '{line[1]}' >>/etc/fstab")
    (commands,) = re.findall(r"`(.*? && .*?)`", refused)
    machine.succeed(commands)


@pytest.mark.matrix
def test_who_mounts_home_is_known_and_what_a_refusal_says_to_do_works(make_host: MakeHost) -> None:
    host = make_host()
    machine = host.machine
    machine.succeed("cp /etc/fstab /root/fstab")

    def refused(prepare: str) -> str:
        machine.succeed(prepare)
        run = host.pyinfra("-y")
        assert run.code == 1, run.err
        assert "refused, nothing was changed" in run.err
        return str(run.err)

    unit = (
        "[Mount]\\nWhat=/dev/mapper/centos-home\\nWhere=/home\\nOptions=nodev\\n[Install]\\nWantedBy=local-fs.target\\n"
    )
    native = refused(
        f"umount /home; sed -i '/home/d' /etc/fstab; printf '{unit}' >/etc/systemd/system/home.mount; "
        "systemctl daemon-reload; systemctl enable --now home.mount"
    )
    follows(machine, native)
    assert host.plan()[1]["way"] == "staging"
    machine.succeed("umount /home && mount /home && findmnt -n -O nodev /home")

    option = refused(
        "sed '/home/s/defaults/noauto,x-systemd.automount/' /root/fstab >/etc/fstab; systemctl daemon-reload; "
        "umount /home; systemctl start home.automount; ls /home"
    )
    assert "take x-systemd.automount from its line" in option
    machine.succeed("sed -i 's/,x-systemd.automount//' /etc/fstab")
    follows(machine, option)
    assert host.plan()[1]["way"] == "staging"

    assert "2 lines for /home" in refused("sed 's, /home , /home/ ,; /home/p' /root/fstab >/etc/fstab")
    assert "UUID=0 on /home, but centos/home is" in refused("sed '/home/s,^[^ ]*,UUID=0,' /root/fstab >/etc/fstab")
    machine.succeed("sed 's, /home , /home/ ,' /root/fstab >/etc/fstab && systemctl daemon-reload")
    before = machine.succeed("cat /etc/fstab")
    host.deploy()
    assert machine.succeed("cat /etc/fstab") == before
    assert host.pyinfra("-y").unchanged


@pytest.mark.matrix
def test_a_copy_that_turns_out_wrong_leaves_home_as_it_was(make_host: MakeHost) -> None:
    host = make_host(free="2500M")
    machine = host.machine
    # An rsync that spoils a file, every time: the comparison must see it, and home must come back.
    machine.succeed(
        r"""
        mv /usr/bin/rsync /usr/bin/rsync.real
        cat >/usr/bin/rsync <<'END'
#!/bin/sh
/usr/bin/rsync.real "$@" || exit
for last; do :; done
[ ! -d "$last/admin" ] || echo lost >>"$last/admin/.profile"
END
        chmod 755 /usr/bin/rsync
        echo mine >/home/admin/.profile
        """
    )
    reads_leave_no_trace(machine)
    before, known, start = listing(machine), identity(machine), time.time()
    run = host.pyinfra("-y")
    assert run.code == 1, run.err
    assert "differ" in run.err
    assert "Traceback" not in run.err
    is_as_before(machine, before)
    assert identity(machine) == known
    machine.succeed("touch /home/writable && rm /home/writable")
    assert "hostwright" not in machine.succeed("lvs -a -o lv_name,lv_tags; cat /etc/fstab; mount")
    assert time.time() - start < 600


def test_people_go_on_working_while_home_is_copied(make_host: MakeHost) -> None:
    host = make_host(free="2500M")
    machine = host.machine
    reads_leave_no_trace(machine)
    script = bring(machine, "work_on.sh")
    # Enough to copy, so that there is time to change something.
    machine.succeed(f"mkdir /home/work && head -c 40M /dev/urandom >/home/much && sh {script} begin /home/work")
    machine.succeed("mkdir /root/work && cp -a /home/work/. /root/work")
    machine.succeed(
        "mkdir -p /run/hostwright/lvm/ffff && cd /run/hostwright/lvm && echo 0 >ffff/status && ln -s ffff current"
    )
    with host.running():
        machine.wait_until_succeeds("test -s /run/hostwright/lvm/current/lists/again.entries", 300)
        machine.succeed(f"sh {script} go-on /home/work && sh {script} go-on /root/work")
        assert "make /home read-only" not in machine.succeed("cat /run/hostwright/lvm/current/log"), "too late"
        machine.wait_until_succeeds("test -e /run/hostwright/lvm/current/status", 600)
    log = machine.succeed("cat /run/hostwright/lvm/current/log")
    again = re.search(r"(\d+) entries .* to copy again", log)
    assert again, log
    assert 20 < int(again[1]) < 200, log
    assert host.deploy().unchanged
    assert not machine.succeed("find /run/hostwright/lvm -type d -empty -o -name ffff")
    passing = {"mtime_ns", "atime_ns", "allocated"}
    expected, found = (
        {name: {key: value for key, value in entry.items() if key not in passing} for name, entry in listed.items()}
        for listed in (listing(machine, "/root/work"), listing(machine, "/home/work"))
    )
    assert found == expected


@pytest.mark.matrix
def test_who_swaps_directories_for_links_leads_root_nowhere(make_host: MakeHost) -> None:
    host = make_host(free="2500M", data={"lvm_busy": "stop"})
    machine = host.machine
    script = bring(machine, "hostile_user.py")
    # What is read there has its time of access set: it is older than a day.
    machine.succeed(
        "mkdir -m 700 /root/outside && for n in $(seq 0 39); do echo secret >/root/outside/f$n; done; "
        "for at in swap0 swap1 a/swap2/b; do mkdir -p /home/admin/u/$at; "
        "for n in $(seq 0 39); do head -c 3000 /dev/urandom >/home/admin/u/$at/f$n; done; done; "
        "truncate -s 1E /home/admin/u/huge; chown -R admin: /home/admin/u; touch -a -d 2020-01-01 /root/outside/*"
    )
    seen = "/run/hostwright/lvm/mnt/source/admin/u"
    machine.succeed(
        f"setsid python3 {script} $(id -u admin) swap_directories /home/admin/u /root/outside {seen} "
        "</dev/null >/dev/null 2>&1 &"
    )
    text = host.deploy().err
    assert "ending (TERM)" in text
    assert machine.succeed("stat -c %X /root/outside/* | sort -u").split() == [str(1577836800)]
    assert "hostwright" not in machine.succeed(LEFT)
    host.is_verified()
    assert host.pyinfra("-y").unchanged
