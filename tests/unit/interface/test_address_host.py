"""What the host itself does with its addresses where a command fails, memory is full, or names are hostile."""

import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hostwright.base.scripts import NONCE, whole
from hostwright.interface.backends.backend import Keeping
from hostwright.interface.facts import parse_interfaces
from hostwright.interface.operations import _packed
from hostwright.interface.plan import AddressPlan, Change, decide
from hostwright.net.addresses import parse_addresses
from hostwright.net.links import Link
from hostwright.net.routes import parse_routes
from tests.scripts import script
from tests.unit.interface.test_address import HERE, told, wish

NOTHING = AddressPlan((), (), guarded=False, back_to="", notes=())
IP = """case "$*" in
    *'route save'*) head -c "$SAVED" /dev/zero; exit "$CODE" ;;
    *'route show'*) echo 'fd01::/64 via fd00::1 dev e0 src fd00::5 metric *'; exit "$SHOWN" ;;
    *'route restore'*) cat >/dev/null ;;
    *'address show'*) printf '%s' "$SEEN" ;;
    *) { printf '%s\\037' "$@"; echo; } >>"$DID" ;;
esac
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "systemd").mkdir()
    # What it prints is lost in part, and it says nothing of that, as ip does.
    stands_in(tmp_path, "ip", f"({IP}) 2>/dev/null")
    stands_in(tmp_path, "systemd-run", "exit 0")
    stands_in(tmp_path, "systemctl", "exit 0")
    stands_in(tmp_path, "sleep", "exit 0")
    return tmp_path


def stands_in(place: Path, name: str, text: str) -> None:
    (place / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
    (place / "bin" / name).chmod(0o755)


def here(place: Path, text: str) -> str:
    text = text.replace("/run/hostwright", f"{place}/run").replace("/run/systemd/system", f"{place}/systemd")
    return text.replace("PATH=/usr/local/sbin", f"PATH={place}/bin:/usr/local/sbin")


def run(
    place: Path, plan: AddressPlan, calls: str, seconds: int = 0, **more: str
) -> "subprocess.CompletedProcess[str]":
    known = {"DID": f"{place}/did", "SAVED": "6000", "CODE": "0", "SHOWN": "0", "SEEN": "there"} | more
    return subprocess.run(
        ["sh"],
        input=whole(here(place, told(plan, seconds)) + f"\n{calls} || exit\n", _packed(plan)),
        env=os.environ | known,
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
    )


def did(place: Path) -> list[list[str]]:
    path = place / "did"
    return [line.split("\037")[:-1] for line in path.read_text().splitlines()] if path.exists() else []


def over(place: Path) -> None:
    deadline = time.monotonic() + 20
    while not (place / "run" / "addresses" / "code-1").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


CHANGES = (
    Change("", "ip address add 10.0.0.6/24 dev e0", "ip address del 10.0.0.6/24 dev e0", "e0"),
    Change("", "ip address del 10.0.0.5/24 dev e0", "ip address add 10.0.0.5/24 dev e0", "e0"),
)
PLAN = replace(NOTHING, running=CHANGES)


# -- names


@pytest.mark.parametrize("way", ["done", "undone at once", "undone by the host"])
def test_no_name_is_a_command(place: Path, way: str) -> None:
    name = "e0;>pwn;"
    found = replace(
        HERE,
        links=(Link(name),),
        addresses=parse_addresses(
            [f"2: {name}    inet 10.0.0.5/24 scope global {name}:;>p; \\       valid_lft forever"]
        ),
        routes=parse_routes([f"172.16.0.0/16 via 10.0.0.1 dev {name} src 10.0.0.5 * $(>pwn) ;>pwn"], 4),
        promoted=frozenset({"all"}),
    )
    wanted = {"present": [{"address": "10.0.0.6/24", "label": f"{name}:;>p;"}], "absent": ["10.0.0.5/24"]}
    plan = decide(found, wish({name: wanted}), persist=False)
    if way == "undone at once":
        plan = replace(plan, running=(*plan.running, Change("", "false", ":", "e0")))
    done = run(place, plan, "change", 30 if way == "undone by the host" else 0)
    if way == "undone by the host":
        over(place)
        subprocess.run(["sh", str(place / "run/addresses/undo-1")], check=True, cwd=place, env={"DID": f"{place}/did"})
    assert done.returncode == (1 if way == "undone at once" else 0), done.stderr
    label, forever = f"{name}:;>p;", ["valid_lft", "forever", "preferred_lft", "forever"]
    route = ["route", "replace", "172.16.0.0/16", "via", "10.0.0.1", "dev", name]
    odd = ["*", "$(>pwn)", ";>pwn"]
    forth = [
        ["address", "add", "10.0.0.6/24", "dev", name, "broadcast", "+", "label", label, *forever],
        ["address", "del", "10.0.0.5/24", "dev", name],
        [*route, *odd],
    ]
    back = [
        ["address", "add", "10.0.0.5/24", "dev", name, "broadcast", "+", "label", label, *forever],
        [*route, "src", "10.0.0.5", *odd],
        ["address", "del", "10.0.0.6/24", "dev", name],
        ["-6", "route", "replace", "fd01::/64", "via", "fd00::1", "dev", "e0", "src", "fd00::5", "metric", "*"],
    ]
    assert did(place) == (forth if way == "done" else [*forth, *back])
    assert not list(place.rglob("p")) + list(place.rglob("pwn"))


def test_the_change_that_failed_is_named(place: Path) -> None:
    plan = replace(NOTHING, running=(*CHANGES, Change("", "echo no room; false", ":", "e0"), CHANGES[0]))
    done = run(place, plan, "change")
    assert done.returncode == 1
    assert done.stderr.endswith("echo no room; false: no room; what was done before was undone\n")
    assert [words[1:3] for words in did(place)[:4]] == [
        ["add", "10.0.0.6/24"],
        ["del", "10.0.0.5/24"],
        ["add", "10.0.0.5/24"],
        ["del", "10.0.0.6/24"],
    ]


# -- what could not be written down is not changed


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"CODE": "1"}, "the IPv4 routes could not be noted in"),
        ({"SHOWN": "1"}, "the IPv6 routes could not be listed"),
        ({"cat": "head -c 100; exit 1"}, "the IPv4 routes could not be noted in"),
    ],
)
@pytest.mark.parametrize("seconds", [0, 30])
def test_routes_that_cannot_be_noted_are_not_put_at_risk(
    place: Path, broken: dict[str, str], said: str, seconds: int
) -> None:
    if "cat" in broken:
        stands_in(place, "cat", broken["cat"])
    done = run(place, PLAN, "change", seconds, **broken)
    (place / "bin" / "cat").unlink(missing_ok=True)
    assert done.returncode == 1
    assert said in done.stderr
    assert "nothing was changed" in done.stderr
    assert did(place) == []
    assert not list((place / "run" / "addresses").iterdir())
    assert run(place, PLAN, "change").returncode == 0
    assert len(did(place)) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_nothing_is_changed_where_memory_is_too_full_for_the_way_back(place: Path) -> None:
    """A page after the other, from none on, until all that it notes finds room."""
    whole_text = ""
    for pages in range(1, 12):
        (place / "run").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={pages * 4}k", "none", str(place / "run")], check=True)
        try:
            (place / "run" / "filler").write_bytes(bytes(4096))
            done = run(place, PLAN, "change", 30)
            if done.returncode:
                assert "nothing was changed" in done.stderr
                assert did(place) == []
                assert not list((place / "run" / "addresses").iterdir())
            else:
                assert (place / "run" / "addresses" / "routes-4-1").stat().st_size == 6000
                assert (place / "run" / "addresses" / "routes-6-1").stat().st_size == 6000
                whole_text = (place / "run" / "addresses" / "undo-1").read_text()
                over(place)
                break
        finally:
            subprocess.run(["umount", str(place / "run")], check=True)
            (place / "run").rmdir()
    assert pages > 5
    assert whole_text.splitlines()[2:4] == [change.undo for change in reversed(CHANGES)]
    assert whole_text.endswith(f"rm -f {place}/run/addresses/*-1\n")


def test_a_directory_that_somebody_else_has_is_refused(place: Path) -> None:
    (place / "theirs").mkdir()
    (place / "run").symlink_to(place / "theirs")
    done = run(place, PLAN, "change", 30)
    assert done.returncode == 1
    assert "is a link, or somebody else's: remove it; nothing was changed" in done.stderr
    assert did(place) == list((place / "theirs").iterdir()) == []


def test_an_address_that_cannot_be_seen_is_not_taken_for_one_that_nobody_has(place: Path) -> None:
    looks = wish({"e0": {"present": ["fd00::6/64"]}})
    plan = decide(replace(HERE, promoted=frozenset({"all"})), looks, persist=False)
    assert run(place, plan, "change").returncode == 0
    done = run(place, plan, "change", SEEN="")
    assert done.returncode == 1
    assert "fd00::6 on e0: it cannot be seen there; all of it was undone" in done.stderr
    assert did(place)[-2][:2] == ["address", "del"]


# -- files


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("find", "exit 1"),
        ("find", "exit 0"),
        ("base64", "exit 0"),
        ("base64", "cat >/dev/null; exit 1"),
        ("tar", "cat >/dev/null"),
        ("rm", "exit 1"),
        ("mv", "exit 1"),
        ("cp", "exit 1"),
        ("sync", "exit 1"),
    ],
)
def test_files_that_could_not_be_placed_are_an_error(place: Path, tool: str, text: str) -> None:
    kept, gone = place / "kept.conf", place / "gone.conf"
    for path in (kept, gone):
        path.write_text("old\n")
    plan = replace(NOTHING, keepings=(Keeping("e0", "networkd", {str(gone): "", str(kept): "new\n"}),))
    stands_in(place, tool, text)
    assert run(place, plan, "keep").returncode == 1
    # All of them are as they were, unless the last step itself failed.
    assert kept.read_text() == "old\n" or tool == "rm"
    assert gone.exists() or tool == "mv"
    assert not list(place.glob("*.hostwright.new")) or tool == "rm"
    (place / "bin" / tool).unlink()
    assert run(place, plan, "keep").returncode == 0
    assert kept.read_text() == "new\n"
    assert not gone.exists()
    assert run(place, NOTHING, "keep").returncode == 0


@pytest.mark.parametrize("guarded", [False, True])
def test_what_cannot_be_kept_across_a_boot_is_not_there_now_either(place: Path, guarded: bool) -> None:
    path = place / "kept.conf"
    plan = replace(PLAN, keepings=(Keeping("e0", "networkd", {str(path): "new\n"}),))
    calls = "(keep && false) || undone || exit\nsettled"
    if guarded:
        assert run(place, plan, "change", 30).returncode == 0
        over(place)
        done = run(place, plan, f"confirm || exit\n{calls}", 30)
    else:
        done = run(place, plan, f"change || exit\n{calls}")
    assert done.returncode == 1
    assert "what had been changed was undone" in done.stderr
    assert [line[:3] for line in did(place)] == [
        *(["address", "add", "10.0.0.6/24"], ["address", "del", "10.0.0.5/24"]),
        *(["address", "add", "10.0.0.5/24"], ["address", "del", "10.0.0.6/24"]),
        ["-6", "route", "replace"],
    ]
    assert not list((place / "run" / "addresses").iterdir())
    # Nor is anything left behind where all goes well.
    run(place, plan, "change || exit\nkeep || undone || exit\nsettled")
    assert not list((place / "run" / "addresses").iterdir())


# -- what a host says of itself


LOOK = {
    "systemctl": "exit 0",
    "networkctl": "echo '    Network File: n/a'",
    "nmcli": """case "$*" in
    *--active*) echo eth0:0a-1b:lan ;;
    *) printf '%s\\n' manual auto 10.0.0.5/24 '' ;;
esac""",
}
REAL = {tool: shutil.which(tool) or tool for tool in ("ip", "sed", "cat", "grep")}


def looks(place: Path, **broken: str) -> "subprocess.CompletedProcess[str]":
    for name in ("ip", "sleep"):
        (place / "bin" / name).unlink(missing_ok=True)
    for tool, text in (LOOK | broken).items():
        stands_in(place, tool, text)
    (place / "nm").mkdir(exist_ok=True)
    (place / "dhcp").mkdir(exist_ok=True)
    (place / "dhcp" / "a.leases").write_text("lease {\n  fixed-address 10.0.2.15;\n}\n")
    (place / "interfaces").write_text("auto lo\niface lo inet loopback\n")
    text = here(place, script("interfaces")).replace("/run/NetworkManager ", f"{place}/nm ")
    text = text.replace("/var/lib/dhcp/", f"{place}/dhcp/").replace("/etc/network/interfaces", f"{place}/interfaces")
    return subprocess.run(["sh"], input=text, capture_output=True, text=True, check=False)


def test_what_it_says_is_read(place: Path) -> None:
    done = looks(place)
    assert done.returncode == 0, done.stderr
    found = parse_interfaces(done.stdout.splitlines(), NONCE)
    assert "lo" in {link.name for link in found.links}
    assert found.units["lo"] == ""
    assert (found.profiles["eth0"].name, found.profiles["eth0"].addresses) == ("lan", ("10.0.0.5/24",))
    assert found.leased == {"10.0.2.15"}
    assert found.files[f"{place}/interfaces"].startswith("auto lo\n")
    # They do not run.
    idle = looks(place, nmcli="exit 8", systemctl="exit 3")
    assert (idle.returncode, "profile eth0" in idle.stdout, "lo\t\n" in idle.stdout) == (0, False, False)


@pytest.mark.parametrize(
    ("files", "in_memory"),
    [
        ("echo 0a-1b:/etc/NetworkManager/system-connections/lan", False),
        ("echo 0a-1b:/run/NetworkManager/system-connections/lan", True),
        # An older one does not know the word.
        ("exit 2", True),
    ],
)
def test_a_profile_is_in_memory_unless_a_file_is_known_that_has_it(place: Path, files: str, in_memory: bool) -> None:
    done = looks(place, nmcli=f'case "$*" in *FILENAME*) {files}; exit 0 ;; esac\n{LOOK["nmcli"]}')
    found = parse_interfaces(done.stdout.splitlines(), NONCE)
    assert found.profiles["eth0"].in_memory is in_memory


@pytest.mark.parametrize(
    ("tool", "when"),
    [
        ("ip", "-o -d link show"),
        ("ip", "-o address show"),
        ("ip", "-o -4 route show"),
        ("ip", "-o -6 route show"),
        ("networkctl", "*"),
        ("systemctl", "*"),
        ("nmcli", "*--active*"),
        ("nmcli", "-g*"),
        ("cat", "*leases"),
        ("grep", "*fixed-address*"),
        ("sed", "s/^/|/*"),
    ],
)
def test_who_could_not_look_says_nothing(place: Path, tool: str, when: str) -> None:
    """As if there were no address, profile or lease: an answer that is cut short would be taken for all."""
    otherwise = LOOK.get(tool) or f'exec {REAL[tool]} "$@"'
    pattern = when.replace(" ", "\\ ").replace("|", "\\|")
    broken = {tool: f'case "$*" in {pattern}) exit 2 ;; esac\n{otherwise}'}
    assert looks(place, **broken).returncode != 0
