"""What hosts say is data: no word of theirs passes for one of ours, or reaches a terminal as it is."""

import base64
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyinfra.api import Host, output

from hostwright.base import transport
from hostwright.base.observe import ScriptFact, observe, parsing
from hostwright.base.refusal import DidNotTell, Refusal
from hostwright.base.scripts import NONCE, sections
from hostwright.base.shown import shown
from hostwright.compose import facts as compose
from hostwright.docker import facts as docker
from hostwright.docker.plan import PolicyPlan
from hostwright.docker.plan import draw as policies
from hostwright.interface import facts as interfaces
from hostwright.interface.backends.backend import Keeping
from hostwright.interface.operations import _packed
from hostwright.interface.plan import AddressPlan
from hostwright.lock import facts as lock
from hostwright.lvm.facts import archives, blocks, survey
from hostwright.lvm.facts import storage as lvm
from hostwright.lvm.verify.mounts import mounts
from hostwright.mariadb import facts as mariadb
from hostwright.overlay import facts as overlay
from hostwright.reachability import facts as reachability
from hostwright.reachability.plan import complaint, draw, judge
from tests.scripts import script

HERE = Path(__file__).parents[1]
PATHS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
ROOT = HERE.parents[1]
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


# -- processes of users

# A user's process that listens, by a name that it gives itself.
LISTENING = r"""
import ctypes, os, socket, sys, time
os.setgid(65534)
os.setuid(65534)
ctypes.CDLL(None).prctl(15, os.fsencode(sys.argv[2]), 0, 0, 0)
sockets = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
for one in sockets:
    one.bind(("0.0.0.0", int(sys.argv[1])))
sockets[1].listen()
os.write(1, b"%d\n" % os.getpid())
time.sleep(60)
"""
NAMES = (
    "\n@@ x\nz",
    "\n@@ firewall",
    'sshd",pid=1,fd=',
    "sshd, pid 1; x",
    "\x1b[2J\x9b",
    "\xff\xfe",
    "\n\ntcp LISTEN 0",
)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace")
def test_no_name_of_a_process_hides_a_listener_or_lies_about_one(tmp_path: Path) -> None:
    """As a person runs it: in a network of its own, with a public address and users' processes that listen there."""
    told = tmp_path / "told.json"
    starts = "".join(f'{sys.executable} -c "$1" {2000 + number} "${number + 2}" & \n' for number in range(len(NAMES)))
    pyinfra = Path(sys.executable).parent / "pyinfra"
    text = f"""
        ip link set lo up && ip address add 8.8.4.4/32 dev lo || exit 99
        trap 'kill $(jobs -p)' EXIT
        {starts}
        until [ "$(ss -4 -ltn | grep -c LISTEN)" = {len(NAMES)} ]; do sleep 0.1; done
        {pyinfra} -y @local deploys/reachability.py --data 'reachability_allow=[]' --data reachability_json_file={told}
    """
    run = subprocess.run(
        ["unshare", "-n", "bash", "-c", text, "sh", LISTENING, *(name.encode("latin-1") for name in NAMES)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
    )
    said = run.stderr.decode()
    assert run.returncode == 1, said
    assert "Traceback" not in said
    assert not CONTROLS.search(re.sub("\x1b\\[[0-9;]*m", "", said)), said
    listening = json.loads(told.read_text())["hosts"]["@local"]["listening"]
    whose = {(one["protocol"], one["port"]): one["who"] for one in listening}
    pids = list(map(int, run.stdout.split()))
    assert len(pids) == len(NAMES)
    for number, name in enumerate(NAMES):
        who = whose["tcp", 2000 + number]
        quoted = repr(name.encode("latin-1")[:15].decode(errors="surrogateescape"))
        assert re.fullmatch(f"{re.escape(quoted)}, pid ({'|'.join(map(str, pids))}) \\(uid 65534\\)", who), who
        assert whose["udp", 2000 + number] == who
        assert f"tcp 0.0.0.0:{2000 + number} " in said


# -- tools that fail


def observed(tmp_path: Path, lacks: str = "", **stand_ins: str) -> reachability.HostReachability:
    """The real script, with stand-ins for some tools and without others."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "ip", "id", "ss", "awk", "sed", "grep", "find", "sort", "tr", "tail", "xargs", "cat", "uname"):
        # Never both: what is written through a link goes to the tool itself.
        if tool not in (lacks, *stand_ins):
            found = subprocess.run(["which", tool], capture_output=True, text=True, check=True).stdout.strip()
            (tools / tool).symlink_to(found)
    for tool, text in stand_ins.items():
        with (tools / tool).open("x") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        (tools / tool).chmod(0o755)
    text = script("engine", "reachability").replace(":".join(PATHS), str(tools))
    run = subprocess.run(["sh", "-s"], input=transport.whole(text), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return reachability.parse_reachability(run.stdout.splitlines(), NONCE)


NO_NFT = "firewall: nft is not there to read it: install nftables"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read a firewall")
@pytest.mark.parametrize(
    ("lacks", "stand_ins", "said"),
    [
        ("ss", {}, {r"sockets: .*ss: (command )?not found"}),
        ("", {"ss": "echo 'Cannot open netlink socket' >&2; exit 1"}, {"sockets: Cannot open netlink socket"}),
        ("", {"nft": "echo 'Operation not permitted' >&2; exit 1"}, {"firewall: Operation not permitted"}),
        ("", {"nft": "exit 1"}, {"firewall: it failed without a word"}),
        (
            "",
            {"docker": "echo 'Is the docker daemon running?' >&2; exit 1"},
            {r"containers: Is the docker daemon running\?"},
        ),
        ("", {"docker": "echo warning >&2", "nft": ":"}, set()),
        # Whose addresses are asked for, since it publishes without NAT.
        (
            "",
            {"docker": "[ $1 = ps ] || { echo 'No such container' >&2; exit 1; }; echo 'ab web\t0.0.0.0:0->80/tcp'"},
            {"containers: No such container"},
        ),
        # Its ports are another machine's.
        (
            "",
            {"docker": "[ $1 = context ] && { echo ssh://far; exit; }; echo 'web\t0.0.0.0:80->80/tcp'"},
            {"containers: docker asks ssh://far, which is another machine: docker context use default, or unset .*"},
        ),
        ("", {"iptables": "[ $1 = -S ] || echo '(nf_tables)'; [ $1 != -S ]"}, {"firewall: it failed without a word"}),
    ],
)
def test_what_cannot_be_asked_is_said_and_not_judged(
    tmp_path: Path, lacks: str, stand_ins: dict[str, str], said: set[str]
) -> None:
    found = observed(tmp_path, lacks, **stand_ins)
    # Of both families it is said.
    lacking = list(dict.fromkeys(what for what in found.lacking if what != NO_NFT))
    assert len(lacking) == len(said)
    assert all(re.fullmatch(one, what) for one, what in zip(sorted(said), sorted(lacking), strict=True)), lacking
    for one in lacking:
        assert f"  not known: {one}" in draw("lab", judge(found, {}, None))
    assert judge(found, {}, None).unjudged == ()
    if lacking:
        assert "not judged, since the host did not tell all: " in complaint(judge(found, {}, ()))


def test_a_host_without_ip_did_not_tell(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"ip: (command )?not found"):
        observed(tmp_path, "ip")


# -- on the way to us


TOLD = "printf 'a\\377\\033[2Jb\\nlast\\n'; printf 'c\\376\\033[2J\\n' >&2"


def test_what_is_no_utf8_ends_no_answer(
    here: Host, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As pyinfra's command line has it.
    monkeypatch.setattr(output, "_echo", click.echo)
    good, told = transport.run(here, "told", TOLD, {}, print_output=True)
    assert good
    assert told.stdout_lines == ["a\udcff\x1b[2Jb", "last"]
    assert told.stderr_lines == ["c??[2J"]
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert "a??[2Jb" in said
    assert "\x1b[2J" not in said


def test_it_cannot_be_told_back(here: Host) -> None:
    good, told = transport.run(here, "told", "echo 'a\udcff'", {})
    assert (good, told.stdout) == (False, "")
    assert "no UTF-8" in told.stderr


class _Twice(ScriptFact[object]):
    what = "who is there"

    def text(self) -> str:
        return f"{script('prelude', NONCE=NONCE)}section who; echo; section who; echo 'x\x1b[2J' >&2"

    def parsed(self, output: list[str]) -> object:
        return sections(output, NONCE, ("who",))


class _Short(_Twice):
    always = ("who", "fstab")


class _Odd(_Twice):
    @parsing()
    def parsed(self, output: list[str]) -> object:
        return int(output[-1])


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (_Twice, "its answer has a section too many: who"),
        (_Short, "its answer lacks a section: fstab"),
        (_Odd, "its answer cannot be read: ValueError"),
    ],
)
def test_an_answer_that_is_none_is_one_line(
    fact: type[ScriptFact[object]], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DidNotTell, match="did not tell"):
        observe(fact, {})
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert words in said[0]


def test_what_is_shown_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    nasty = "a\x1b]0;x\x07\r\x9b2J\u202eb\u200b\u2028\udcff\x7f\n"
    assert shown(nasty) == "a?]0;x???2J?b?????"
    assert shown("Zürich\t€ 日本") == "Zürich\t€ 日本"
    assert str(Refusal(f"container {nasty}")) == "container a?]0;x???2J?b????"
    assert str(Refusal("docker said:\none\ntwo\n")) == "docker said: one two"
    transport.echo(f"one\n{nasty}", "[host] ")
    assert capsys.readouterr().err == "[host] one\na?]0;x???2J?b????\n\n"


def test_files_that_are_no_utf8_are_seen_to_their_end_and_written_as_they_were(here: Host, tmp_path: Path) -> None:
    """The whole of /etc/network/interfaces was taken to end at such a byte. What it names twice is one file."""
    (tmp_path / "interfaces.d").mkdir()
    content = b"# f\xfcr e0\niface e0 inet manual\n"
    (tmp_path / "interfaces.d" / "e0").write_bytes(content)
    (tmp_path / "interfaces").write_text("source interfaces.d/*\nsource-directory interfaces.d\n")
    looking = script("interfaces").replace("sourced /etc/network/interfaces", f"sourced {tmp_path}/interfaces")
    good, told = transport.run(here, "interfaces", looking, {})
    assert good
    path = f"{tmp_path}/interfaces.d/e0"
    text = interfaces.parse_interfaces(told.stdout_lines, NONCE).files[path]
    plan = AddressPlan((), (Keeping("e0", "ifupdown", {path: text}),), guarded=False, back_to="", notes=())
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(_packed(plan)))) as tar:
        packed = tar.extractfile(path.lstrip("/"))
        assert packed is not None
        assert packed.read() == content


def test_a_label_of_a_container_begins_no_line_of_its_own() -> None:
    note = f"web is of the project x{chr(10)}  db: no -> always"
    assert "\n  note: web is of the project x?  db: no -> always" in policies("lab", PolicyPlan("docker", {}, (note,)))


# -- sections


def test_a_mark_without_the_nonce_is_a_line() -> None:
    lines = ["noise", "@@ ab who", "@@ who", "@@ cd who", "", "@@ ab file /x", "y"]
    assert sections(lines, "ab", ("who", "file *")) == {"who": ["@@ who", "@@ cd who"], "file /x": ["y"]}


@pytest.mark.parametrize("lines", [["@@ ab who", "@@ ab who"], ["@@ ab whom"], ["@@ ab file"]])
def test_a_section_twice_or_of_another_name_is_no_answer(lines: list[str]) -> None:
    with pytest.raises(DidNotTell, match="a section too many"):
        sections(lines, "ab", ("who", "file *"))


def test_every_script_marks_its_sections_with_the_nonce() -> None:
    marks = [path.name for path in (ROOT / "hostwright" / "shell").glob("*.sh") if "@@ " in path.read_text()]
    assert marks == []


# -- facts

Parse = Callable[[list[str]], object]
SAID: dict[str, tuple[Parse, Sequence[str]]] = {
    "archives": (archives.parse_archives, ("file a.vg", "looked in")),
    "blocks": (blocks.parse_blocks, (*lvm.SECTIONS, "volume home", "detail home", "disk /dev/vdb")),
    "compose": (compose.parse_project, ("engine", "error", "files", "diff", "invalid", "containers", "images")),
    "containers": (docker.parse_containers, ("asker", "engine 1", "said 1", "engine 2", "unlooked")),
    "interfaces": (
        interfaces.parse_interfaces,
        ("who", "came_by", "links", "addresses", "routes4", "routes6", "networkd", "profile e0", "file /x", "floating"),
    ),
    "locks": (lock.parse_locks, ("uptime", "lock deploy")),
    "mariadb": (mariadb.parse_data, ("data", "record", "others", "listeners", "users", "ports", "image")),
    "accounts": (mariadb.parse_accounts, ()),
    "overlays": (
        overlay.parse_overlays,
        (
            *("who", "host", "parameters", "mountinfo", "fstab", "paths", "real", "above", "stat", "room", "ftype"),
            *("targets", "target /m", "work /w", "units", "fragments", "wants", "others", "identities", "told"),
        ),
    ),
    "overlay holders": (overlay.parse_holders, ("holders /m", "told")),
    "reachability": (
        reachability.parse_reachability,
        (
            *("who", "addresses", "routes4", "rules6", "sockets4", "sockets6"),
            *("owners", "processes", "containers", "routed", "firewall", "lacking"),
        ),
    ),
    "storage": (lvm.parse_storage, (*lvm.SECTIONS, "volume home", "detail home")),
    "survey": (survey.parse_survey, survey.SECTIONS),
}
RECORDED = [
    line
    for path in sorted((HERE / "fixtures").glob("*.txt"))
    for line in path.read_text().splitlines()[:400]
    if line and not line.startswith("@@")
]
WORDS = [
    *(
        "holder\t1\t1\t30\t8\t8\tt\t1:1\tme\ttrying",
        "waiter\t1\t1\tt\tme",
        "user\ta\tb\t1",
        "grants\ta\tb",
        "GRANT ALL",
    ),
    *(
        "91.07 170.93",
        "inodes=7",
        "BLOCK=x",
        "KNAME=vdb",
        "SIZE=-",
        "user=root",
        "started\ta\t1\tt\t",
        "{}",
        "[]",
        "null",
        "NaN",
    ),
    *(
        "process\t1\tada\t-\thow\twhat",
        "volume_list=[",
        "SET=/x: What = /y",
        "/proc/7/comm:",
        "socket:[7] /proc/7/fd",
        "0::/docker/",
    ),
    "a 0.0.0.0:1-99999999999->1/tcp",
]
LINES = st.one_of(
    st.sampled_from(RECORDED + WORDS),
    st.text(st.characters(exclude_characters="\n"), max_size=40),
    st.tuples(
        st.sampled_from(RECORDED + WORDS), st.integers(0, 60), st.sampled_from(["", " ", "\x1b", "=", "\udcff"])
    ).map(lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + 1 :]),
)


@pytest.mark.parametrize("fact", SAID)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_whatever_a_host_says_is_a_value_or_no_answer(fact: str, data: st.DataObject) -> None:
    parse, names = SAID[fact]
    lines = data.draw(st.lists(LINES, max_size=3)) if not names else []
    for name in (
        data.draw(st.lists(st.sampled_from([*names, "odd"]), unique=True, max_size=len(names))) if names else []
    ):
        lines += [f"@@ {name}", *data.draw(st.lists(LINES, max_size=4))]
    with suppress(DidNotTell):
        parse(lines)


@pytest.mark.parametrize("fact", [fact for fact in SAID if fact not in ("archives", "blocks", "storage", "accounts")])
def test_a_section_that_is_missing_is_no_answer(fact: str) -> None:
    parse, _ = SAID[fact]
    if fact == "survey":
        assert parse([]) is None
    else:
        with pytest.raises(DidNotTell):
            parse([])


# -- checks


CHECKING = """
from hostwright.inventory.testinfra import PyinfraBackend, targets
backend = PyinfraBackend(targets("@local")[0])
said = backend.run("(sleep 0.3; printf '\\\\n@@ 0\\\\n0\\\\n') & echo %s; exit 3", "a b")
print([said.rc, said.stdout.partition("\\n")[0], backend.run("printf 'x\\\\377\\\\n'").stdout])
"""


def test_how_a_command_ended_is_told_by_nobody_else() -> None:
    # pyinfra's command line makes all of its process cooperative.
    run = subprocess.run([sys.executable, "-c", CHECKING], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout == "[3, 'a b', 'x\\udcff\\n']\n", run.stderr


class _Told:
    """+ text: what every command prints"""

    def __init__(self, text: str) -> None:
        self.text = text

    def check_output(self, command: str, *args: str) -> str:  # noqa: ARG002 - as testinfra's
        return self.text

    def run(self, command: str, *args: str) -> Any:
        raise NotImplementedError


def test_a_user_names_no_mount_that_hides_others() -> None:
    """Of blanks the kernel escapes four, and str knows of more."""
    told = "28 1 0:1 / /home/u/a\x0bb\x85c\u2028d rw - fuse f rw\n29 1 0:2 / /srv rw - xfs /dev/x rw"
    assert [mount.point for mount in mounts(_Told(told))] == ["/home/u/a\x0bb\x85c\u2028d", "/srv"]
