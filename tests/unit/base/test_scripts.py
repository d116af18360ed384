"""Files of sh say what they need, and scripts have it."""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from hostwright.base import scripts
from hostwright.base.scripts import FILES, NONCE, File, read, resolved, script
from hostwright.docker.facts import HostContainers
from tests.commands import commands

ROOT = Path(scripts.__file__).parents[1]
# Runs in containers, and its text is part of what they are compared by.
OURS = sorted(set(FILES) - {"several_commands"})
BUILTINS = """
    . : [ break case cd command continue echo eval exec exit export false for kill local printf pwd read
    return set shift test trap true umask unset wait
"""
TOOLS = """
    arping awk base64 basename blkdiscard blkid blockdev btrfs cat chattr chcon chgrp chmod chown cmp comm cp
    cut date dd df diff dmesg dmsetup docker du dumpe2fs e2fsck find findfs findmnt flock getfattr getent grep
    gzip head id ifquery ip ln losetup ls lsattr lsblk lvm lvreduce mkdir mkfs.xfs mktemp mount mountpoint mv
    netplan networkctl nft nmcli nsenter od podman readlink repquota restorecon rm rmdir rsync runuser sed
    setfattr setsid sh sha256sum sleep sort ss stat sync systemctl systemd-run tail tar timeout tr udevadm
    umount uname unshare wc wipefs xargs xfs_info xfs_quota
"""
# Of `whole`, of a login, and of our own connection.
ALWAYS = {"data"}
ENVIRONMENT = {"PATH", "HOME", "LOGIN", "CONTAINER_HOST", "CONTAINER_CONNECTION", "DOCKER_HOST"}
# What takes another function as its first word.
CALLERS = {"guarded", "until_unstuck", "replace_fstab", "limited", "into"}
DEFINES = re.compile(r"^(?:if [^\n]*then )?\s*([a-z_][a-z0-9_]*)\(\)", re.MULTILINE)


def functions(file: File) -> set[str]:
    return set(DEFINES.findall(file.text))


def called(file: File) -> Iterator[str]:
    for words in commands(file.text):
        yield words[0]
        yield from (word for word in words[1:2] if words[0] in CALLERS and re.fullmatch("[a-z_]+", word))


def test_each_file_has_a_name_of_its_own() -> None:
    assert len(FILES) == len(list(ROOT.glob("**/sh/**/*.sh")))


@pytest.mark.parametrize("name", OURS)
def test_a_file_is_short_and_so_are_its_lines(name: str) -> None:
    lines = read(name).text.splitlines()
    assert len(lines) <= 250
    assert [line for line in lines if len(line) > 120] == []


@pytest.mark.parametrize("name", OURS)
def test_what_a_file_calls_is_there(name: str) -> None:
    """Whatever it calls, it names the file of: a function whose name somebody changed is known by nobody."""
    file = read(name)
    there = ALWAYS | set(file.given) | set(BUILTINS.split()) | set(TOOLS.split())
    for one in resolved([name]).values():
        there |= functions(one)
    assert {word for word in called(file) if not re.search("[$'=]", word)} - there == set()


@pytest.mark.parametrize("name", OURS)
def test_what_a_file_asks_for_is_set(name: str) -> None:
    """shellcheck takes a name in capitals for one of the environment."""
    file = read(name)
    text = re.sub(r"(^|(?<=\s))#.*$", "", file.text, flags=re.MULTILINE)
    used = set(re.findall(r"\$\{?([A-Z][A-Z_]*[A-Z])\b(?!-|:-|\+|:\+)", text))
    there = ENVIRONMENT | set(file.given) | set(re.findall(r"\b([A-Z][A-Z_]*[A-Z])=", text))
    for one in resolved([name]).values():
        there |= {*one.header, *one.sets}
    assert used - there == set()


@pytest.mark.parametrize("name", OURS)
def test_what_a_file_says_of_itself_is_so(name: str) -> None:
    file = read(name)
    code = re.sub("^#.*$", "", file.text, flags=re.MULTILINE)
    words = {"NONCE": "section"}
    asked = [words.get(one, one) for one in file.header] + [*file.given, *file.sets]
    assert [one for one in asked if not re.search(rf"\b{one}\b", code)] == []


@pytest.mark.parametrize("name", [name for name in OURS if "section" in {*called(read(name))} - functions(read(name))])
def test_what_looks_is_told_how_its_words_are_known(name: str) -> None:
    file = read(name)
    assert "prelude" in file.needs
    assert "NONCE" in file.header


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    texts = {
        "all": "# Does it.\n# needs: one two\n# header: PLACE\nwork\n",
        "one": "# First.\n# needs: two\none() { two; }\n",
        "two": "# Second.\n# sets: SECOND\ntwo() { SECOND=2; }\n",
        "round": "# One way.\n# needs: about\n",
        "about": "# And back.\n# needs: round\n",
        "plain": "plain() { :; }\n# needs: nothing\n",
        "looks": "# Looks.\n# header: NONCE\n",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.sh").write_text(text)
    monkeypatch.setattr(scripts, "FILES", {name: tmp_path / f"{name}.sh" for name in texts})
    read.cache_clear()
    yield tmp_path
    read.cache_clear()


@pytest.mark.usefixtures("files")
def test_what_is_needed_comes_first_and_once() -> None:
    assert list(resolved(["all", "two", "plain"])) == ["two", "one", "all", "plain"]
    assert script("all", PLACE="a b").splitlines()[:2] == ["PLACE='a b'", "# Second."]
    assert script("all", PLACE="").count("two() {") == 1


@pytest.mark.usefixtures("files")
def test_files_that_need_each_other_are_an_error() -> None:
    with pytest.raises(ValueError, match="round needs about needs round"):
        script("round")


@pytest.mark.usefixtures("files")
def test_a_header_that_lacks_something_is_an_error() -> None:
    with pytest.raises(KeyError, match="all: its header lacks PLACE"):
        script("all", PLAICE="/")


@pytest.mark.usefixtures("files")
def test_a_header_has_how_the_words_are_known() -> None:
    assert f"NONCE={NONCE}\n" in script("looks")
    assert NONCE not in script("all", PLACE="")


def test_a_user_is_not_told_how_our_words_are_known() -> None:
    """What they are asked with stands in a process list, and one who knows it could make sections of ours."""
    text = HostContainers().text()
    asked = text[text.index("ASK=") : text.index("# What every script", text.index("end=yes"))]
    assert "tell_containers" in asked
    assert NONCE not in asked


def test_commands_are_told_from_their_words() -> None:
    text = r"""
        if ! one "$(two "a b" | three)" >four 2>&1; then FIVE=5 six && { seven; }; fi # eight
        case $1 in nine) ten ;; 'el ev' | twelve*) thirteen 'fourteen; fifteen' ;; esac
        while read -r x; do [ -n "$x" ] || (sixteen "${x:-$(seventeen)}"); done <eighteen
        now=$(case $x in a) nineteen ;; esac) || twenty
    """
    found = {words[0] for words in commands(dedent(text))}
    assert found == {
        *("one", "two", "three", "six", "seven", "ten", "thirteen", "read", "["),
        *("sixteen", "seventeen", "nineteen", "twenty"),
    }
