"""Who keeps a file system busy: the shell itself, on real mounts in namespaces, and with tools that fail."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.scripts import script
from tests.unit.lvm.mounts import ROOT, Host, wait_for

FAILING = "#!/bin/sh\nexit 127\n"
# Half of what the tool would say, as when it is killed.
CUT_SHORT = '#!/bin/sh\n/usr/bin/{tool} "$@" | head -c 20; kill -9 $$\n'
# Every process is in the unit x.service, as far as its cgroup tells.
SERVICE_OF_EACH = """#!/bin/sh
case $* in
    */cgroup) for file; do case $file in /proc/*) echo "$file:0::/system.slice/x.service" ;; esac; done ;;
    *) exec /usr/bin/grep "$@" ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
printf 'Id=x.service\\nControlGroup=/system.slice/x.service\\n'
"""


def holders(host: Host, **variables: str) -> list[list[str]]:
    text = script("holders", **variables) + f'\ncd /\nPATH={host.place}/bin:$PATH\nholders "{host.home}" "$$"'
    return [line.split("\t") for line in host.sh(text).splitlines()]


def unmounted_is(host: Host, *, gone: bool) -> None:
    """Holds what the kernel says of the file system, once it is unmounted here, against what it should."""
    host.sh(f"umount {host.home}")
    command = ["losetup", "-j", f"{host.place}/image"]

    def is_gone() -> bool:
        return "/dev/loop" not in subprocess.run(command, capture_output=True, text=True, check=True).stdout

    if gone:
        # It lets go in its own time.
        wait_for(is_gone)
    else:
        assert not is_gone()


# Namespaces as systemd makes them, and what else lies in them; H is home, B what it is mounted on.
GOES = [
    "mount --make-rslave /",
    "mount --make-rslave / && mount --make-rshared /",
    # ProtectHome=yes, on home itself, and read-only.
    "mount --make-rslave / && mount -t tmpfs none $H",
    "mount --make-rslave / && mount -o remount,bind,ro $H",
    "mount --make-rslave / && mount -o remount,bind,ro $H && mount --make-rshared /",
    "mount --make-rshared /",
]
STAYS = [
    "mount --make-rprivate /",
    # ProtectSystem=strict with ReadWritePaths= below home.
    "mount --make-rslave / && mount --bind $H/git/data $H/git/data",
    "mount --make-rslave / && mount --bind $H/git/data $H/git/data && mount --make-rshared /",
    # ProtectHome=yes where home is a directory on the volume.
    "mount --make-rslave / && mount -t tmpfs none $H/git",
    # A container's: the slave is the bind, not what it lies on.
    "mount --make-rslave / && mount --bind $H/git/data /mnt",
    "mount --make-rslave / && mount --bind $H /mnt && umount $H",
    "mount --make-rslave / && mount --make-private $B",
    "mount --make-rslave / && mount --bind $H/git $H",
    "mount --make-rprivate / && mount --bind $H/git /mnt && umount $H",
]


@ROOT
@pytest.mark.parametrize("made", GOES)
def test_what_an_unmount_reaches_is_no_holder(host: Host, made: str) -> None:
    host.starts(
        "unshare",
        "-m",
        "--propagation",
        "unchanged",
        "sh",
        "-c",
        f"H={host.home} B={host.base}; {made} && exec sleep 600",
    )
    assert holders(host) == []
    unmounted_is(host, gone=True)


@ROOT
@pytest.mark.parametrize("made", STAYS)
def test_what_an_unmount_does_not_reach_is_a_holder(host: Host, made: str) -> None:
    pid = host.starts(
        "unshare",
        "-m",
        "--propagation",
        "unchanged",
        "sh",
        "-c",
        f"H={host.home} B={host.base}; {made} && exec sleep 600",
    )
    assert holders(host) == [["process", str(pid), "root", "-", "mount namespace", "sleep 600 "]]
    unmounted_is(host, gone=False)


@ROOT
def test_the_kernel_is_asked_whether_what_is_covered_goes(host: Host) -> None:
    pid = host.starts(
        "unshare",
        "-m",
        "--propagation",
        "unchanged",
        "sh",
        "-c",
        f"mount --make-rslave / && mount -t tmpfs none {host.home} && exec sleep 600",
    )
    assert host.sh(script("holders") + "\nuncovers && echo yes") == "yes\n"
    text = script("holders") + f'\nuncovers() {{ return 1; }}\nholders {host.home} "$$"'
    assert host.sh(text).split("\t")[1] == str(pid)


@ROOT
@pytest.mark.parametrize("made", ["private", "slave"])
def test_a_namespace_that_a_file_keeps_is_looked_at(host: Host, made: str) -> None:
    pin = host.place / "a pin"
    # unshare(1) may bind the namespace before it is another one, which the kernel refuses.
    # Or the kernel (6.18) takes it for older than where it is kept: each processor numbers namespaces by itself.
    unshare = f"taskset -c $((try % $(nproc))) unshare --mount='{pin}' --propagation {made} true"
    host.sh(f"touch '{pin}' && for try in 1 2 3 4 5 6 7 8 9; do {unshare} && exit; done; exit 1")
    escaped = str(pin).replace(" ", "\\040")
    assert holders(host) == ([["mount", escaped]] if made == "private" else [])
    unmounted_is(host, gone=made == "slave")


@ROOT
def test_a_namespace_of_a_user_lets_home_go(host: Host) -> None:
    # The kernel locks its mounts for that user, and takes them away all the same.
    host.starts("unshare", "-Urm", "--propagation", "slave", "sleep", "600")
    assert holders(host) == []
    unmounted_is(host, gone=True)


@ROOT
def test_a_bind_within_a_namespace_of_a_user_is_a_holder(host: Host) -> None:
    bind = f"mount --bind {host.home}/git/data {host.home}/git/data && exec sleep 600"
    pid = host.starts("unshare", "-Urm", "--propagation", "slave", "sh", "-c", bind)
    assert [line[1] for line in holders(host)] == [str(pid)]
    unmounted_is(host, gone=False)


@ROOT
def test_mounts_here_are_holders_but_for_our_own(host: Host) -> None:
    work = host.place / "base" / "our work"
    host.sh(f"mkdir -p '{work}/source' {host.base}/b && mount --bind {host.home} '{work}/source'")
    inside = f"mount --make-rslave / && umount '{work}/source' && exec sleep 600"
    host.starts("unshare", "-m", "--propagation", "unchanged", "sh", "-c", inside)
    host.starts("unshare", "-m", "--propagation", "slave", "sleep", "600")
    assert holders(host, WORK=str(work)) == []
    host.sh(f"mount --bind {host.home}/git {host.base}/b && mount -t tmpfs none {host.home}/git/data")
    host.starts("unshare", "-m", "--propagation", "slave", "sleep", "600")
    found = holders(host, WORK=str(work))
    assert {f"{host.base}/b", f"{host.home}/git/data"} <= {line[1] for line in found if line[0] == "mount"}
    # Who has them from here is not blamed for them.
    assert [line for line in found if line[0] != "mount"] == []


ODD = r"$'sleep a\tb\nprocess\t1\e\n'"


@ROOT
def test_what_else_keeps_it_busy_is_named(host: Host) -> None:
    home = host.home
    host.sh(f"cp /usr/bin/sleep {home}/sleep")
    holds = {
        "working directory": ["sh", "-c", f"cd {home} && exec sleep 601"],
        "open file": ["sh", "-c", f"exec 3>{home}/f && exec sleep 602"],
        "program,mapped file": [f"{home}/sleep", "603"],
        "working directory,open file": ["bash", "-c", f"cd {home} && exec 3>f && exec -a {ODD} sleep 604"],
    }
    pids = {how: host.starts(*command) for how, command in holds.items()}
    found = {line[4]: line for line in holders(host)}
    assert {how: int(line[1]) for how, line in found.items()} == pids
    assert all(len(line) == 6 and line[0] == "process" and line[2] == "root" for line in found.values())
    assert found["working directory,open file"][5] == "sleep a b process 1   604 "


@ROOT
def test_a_loop_device_is_named_though_its_file_is_deleted(host: Host) -> None:
    device = host.sh(f"truncate -s 1M {host.home}/loop && losetup -f --show {host.home}/loop && rm {host.home}/loop")
    try:
        assert [line[0] for line in holders(host)] == ["loop device"]
    finally:
        host.sh(f"losetup -d {device}")
    assert holders(host) == []


TOOLS = ["find", "awk", "stat", "grep", "sed", "xargs", "losetup", "ls"]


@ROOT
@pytest.mark.parametrize("tool", [*TOOLS, "tr", "sort", "systemctl"])
@pytest.mark.parametrize("fault", ["missing", "killed"])
def test_who_could_not_look_does_not_say_nobody(host: Host, tool: str, fault: str) -> None:
    if tool not in TOOLS:
        host.starts("sh", "-c", f"cd {host.home} && exec sleep 600")
        host.put_command("grep", SERVICE_OF_EACH)
        host.put_command("systemctl", SYSTEMCTL)
    else:
        host.starts(
            "unshare", "-m", "--propagation", "unchanged", "sh", "-c", "mount --make-rprivate / && exec sleep 600"
        )
    assert [line[3] for line in holders(host)] == ["-" if tool in TOOLS else "x.service"]
    host.put_command(tool, FAILING if fault == "missing" else CUT_SHORT.replace("{tool}", tool))
    text = script("holders") + f'\nPATH={host.place}/bin:$PATH\nholders {host.home} "$$"'
    assert host.sh(text, check=False).startswith("failed: ")
    text = script("holders") + f'\nPATH={host.place}/bin:$PATH\nsteady_holders {host.home} "$$"'
    assert host.sh(text, check=False).startswith("failed: ")


@ROOT
@pytest.mark.parametrize("list_", ["/proc/swaps", "/var/lib/nfs/etab"])
def test_who_could_not_look_at_a_list_of_the_kernel_does_not_say_nobody(host: Host, list_: str) -> None:
    host.sh("mkdir -p /var/lib/nfs && mount -t tmpfs none /var/lib/nfs && : >/var/lib/nfs/etab")
    assert holders(host) == []
    host.put_command("awk", f'#!/bin/sh\ncase "$*" in *{list_}) exit 2 ;; *) exec /usr/bin/awk "$@" ;; esac\n')
    text = script("holders") + f'\nPATH={host.place}/bin:$PATH\nholders {host.home} "$$"'
    assert host.sh(text, check=False).startswith("failed: ")


# As where the memory of a process is a file of a user's own file system, which answers nobody.
NO_ANSWER = """#!/bin/sh
case $* in
    */cmdline) exec sleep 600 ;;
    *) exec /usr/bin/grep "$@" ;;
esac
"""


@ROOT
def test_who_lets_nobody_read_their_memory_is_a_holder_all_the_same(host: Host) -> None:
    pid = host.starts("sh", "-c", f"cd {host.home} && exec sleep 600")
    host.put_command("grep", NO_ANSWER)
    assert holders(host) == [["process", str(pid), "root", "-", "working directory", ""]]


ID = "0123456789abcdef" * 4
SHOWN = """#!/bin/sh
echo "$*" >>{calls}
for unit; do case $unit in
    docker.service) printf 'Id=docker.service\\nControlGroup=/system.slice/docker.service\\n\\n' ;;
    dbus.service) printf 'ControlGroup=/system.slice/dbus-broker.service\\nId=dbus-broker.service\\n\\n' ;;
    lxc@1.service) printf 'Id=lxc@1.service\\nControlGroup=/system.slice/system-lxc.slice/lxc@1.service\\n\\n' ;;
    user@1000.service) printf 'ControlGroup={USER}\\nId=user@1000.service\\n\\n' ;;
    *.service) printf "Id=$unit\\nControlGroup=\\n\\n" ;;
esac; done
"""
USER = "/user.slice/user-1000.slice/user@1000.service"
CGROUPS = {
    "0::/system.slice/docker.service": "docker.service",
    "0::/system.slice/docker.service/sub": "docker.service",
    "0::/system.slice/dbus-broker.service": "",
    f"0::{USER}/app.slice/docker.service": "user@1000.service/docker.service",
    f"0::{USER}/docker.service": "user@1000.service/docker.service",
    f"0::{USER}/init.scope": "user@1000.service",
    f"0::{USER}/app.slice/docker-{ID}.scope": "",
    f"0::{USER}/app.slice/a b$(x);.service": "",
    f"0::{USER}/app.slice/docker.service/docker.service": "user@1000.service/docker.service",
    "0::/user.slice/user-1000.slice/session-3.scope": "",
    # Names that anybody may give a cgroup that was left to him; a container with a systemd of its own.
    "0::/elsewhere/docker.service": "",
    f"0::/docker/{ID}/system.slice/docker.service": "docker/0123456789ab",
    f"0::/system.slice/docker-{ID}.scope": "docker/0123456789ab",
    f"0::/machine.slice/libpod-{ID}.scope/container": "podman/0123456789ab",
    "0::/system.slice/system-lxc.slice/lxc@1.service/payload/docker.service": "lxc@1.service",
    "4:cpu:/x\n1:name=systemd:/system.slice/docker.service\n0::/": "docker.service",
    "1:name=systemd:/\n0::/system.slice/docker.service": "docker.service",
    "1:name=systemd:/user.slice/user-1000.slice/session-3.scope\n0::/system.slice/docker.service": "",
    "0::/": "",
    "0::/system.slice/docker-.scope": "",
    f"0::/system.slice/docker-{ID[:-1]}G.scope": "",
}


def test_only_the_unit_whose_cgroup_it_is_is_named(tmp_path: Path) -> None:
    (tmp_path / "systemctl").write_text(SHOWN.replace("{calls}", str(tmp_path / "calls")).replace("{USER}", USER))
    (tmp_path / "systemctl").chmod(0o755)
    lines = [f"/proc/{n}/cgroup:{line}" for n, text in enumerate(CGROUPS, 10) for line in text.split("\n")]
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    run = subprocess.run(
        ["sh", "-c", script("holders") + "\nunits_of"],
        input="\n".join(lines) + "\n",
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {int(line.split()[1]): line.split()[2] for line in run.stdout.splitlines()}
    assert {text: found.get(n, "") for n, text in enumerate(CGROUPS, 10)} == CGROUPS
    assert len((tmp_path / "calls").read_text().splitlines()) == 1
