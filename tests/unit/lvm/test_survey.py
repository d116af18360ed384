"""What a look through home tells: the shell itself, on a small file system, and with tools that fail."""

import pytest

from hostwright.base.scripts import NONCE
from hostwright.lvm.facts.survey import Survey, parse_survey
from tests.scripts import script
from tests.unit.lvm.mounts import ROOT, Host

FAULTS = {
    "missing": "#!/bin/sh\nexit 127\n",
    "killed": '#!/bin/sh\n/usr/bin/{tool} "$@" | head -c 40; kill -9 $$\n',
}


def survey(host: Host) -> Survey | None:
    text = script("holders", "survey", MOUNT=str(host.home), DEVICE="loop99")
    said = host.sh(text.replace("PATH=/usr", f"PATH={host.place}/bin:/usr"), check=False)
    # A script that fails is told nothing of.
    return None if said.startswith("failed: ") else parse_survey(said.splitlines(), NONCE)


@ROOT
def test_what_is_in_home(host: Host) -> None:
    host.sh(
        f"cd {host.home} && printf 12345 >a && ln a git/b && dd if=/dev/zero of=c bs=8k count=1 2>/dev/null && "
        "touch 'odd\nname' && chattr +i c"
    )
    found = survey(host)
    assert found
    # With lost+found, git, git/data, and the top directory.
    assert (found.inodes, found.largest, found.encrypted, found.verity) == (7, 12288, 0, 0)
    assert found.allocated == int(host.sh(f"du -sx --block-size=1 {host.home}").split()[0])
    assert (found.unreadable, found.holders, found.kernel_errors) == ((), (), ())
    # Of an odd name lsattr prints what it is; the top directory is listed once more at the end.
    names = host.sh(f"cd {host.home} && find . \\( -type f -o -type d \\) -print0 | tr -d '\\0' | wc -c")
    assert abs(found.paths - int(names)) < 10


# What the refusal names.
FIND_LONG = """find . -xdev -path "$(printf %4001s | tr ' ' '?')*" -printf '%y\\n'"""


@ROOT
@pytest.mark.parametrize(("last", "long"), [(179, False), (180, True)])
def test_a_path_that_is_too_long_for_any_tool_is_told_of(host: Host, last: int, long: bool) -> None:
    made = f"cd {host.home} && name=$(printf %0200d 0) && for n in $(seq 19); do mkdir $name && cd $name; done"
    host.sh(f"{made} && mkfifo $(printf %0{last}d 0)")
    found = survey(host)
    assert found
    assert found.long is long
    assert host.sh(f"cd {host.home} && {FIND_LONG}").split() == (["p"] if long else [])


@ROOT
@pytest.mark.parametrize("tool", ["find", "sort", "awk", "xargs", "lsattr", "unshare", "dmesg", "grep", "tail", "stat"])
@pytest.mark.parametrize("fault", FAULTS)
def test_who_could_not_look_through_home_does_not_say_that_it_is_empty(host: Host, tool: str, fault: str) -> None:
    host.put_command(tool, FAULTS[fault].replace("{tool}", tool))
    assert survey(host) is None


# find, as it is asked for what is in home.
FIND = """#!/bin/sh
case $* in
    ". -xdev"*) {instead} ;;
    *) exec /usr/bin/find "$@" ;;
esac
"""


@ROOT
@pytest.mark.parametrize(
    "instead",
    ['/usr/bin/find "$@"; exit 2', '/usr/bin/find "$@"; kill -9 $$', '/usr/bin/find "$@" | head -c 30; kill -9 $$'],
)
def test_a_look_that_is_cut_short_tells_nothing(host: Host, instead: str) -> None:
    host.put_command("find", FIND.replace("{instead}", instead))
    assert survey(host) is None


@ROOT
def test_without_lsattr_it_is_not_known_what_is_encrypted(host: Host) -> None:
    tools = host.place / "tools"
    host.sh(f"mkdir {tools} && for tool in /usr/sbin/* /usr/bin/*; do ln -sf $tool {tools}/; done; rm {tools}/lsattr")
    text = script("holders", "survey", MOUNT=str(host.home), DEVICE="loop99")
    head, tail = text.split("PATH=/usr", 1)
    found = parse_survey(host.sh(f"{head}PATH={tools}\n{tail.split(chr(10), 1)[1]}").splitlines(), NONCE)
    assert found
    assert (found.encrypted, found.verity) == (None, None)


@ROOT
@pytest.mark.parametrize(
    ("says", "unreadable"),
    [("No such file or directory", ()), ("Input/output error", ("find: './x': Input/output error",))],
)
def test_what_vanishes_is_no_fault_and_what_cannot_be_read_is(
    host: Host, says: str, unreadable: tuple[str, ...]
) -> None:
    instead = f"""/usr/bin/find "$@"; echo "find: './x': {says}" >&2; exit 1"""
    host.put_command("find", FIND.replace("{instead}", instead))
    found = survey(host)
    assert found
    assert found.unreadable == unreadable
