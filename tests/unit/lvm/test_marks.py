"""Flags and project IDs of names with a newline: read and set for many at once."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.lvm.proving import command, shell

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems, and sets flags")

COUNTED = '#!/bin/sh\necho "${0##*/}" >>{place}/calls\nexec /usr/bin/{name} "$@"\n'
# The second, in a directory "x .", looks like lines of lsattr about other names; the third begins the fourth.
NAMES = ["a\nb", "x ./a\nb\n----i----------------- ./a\nb", "end\n", "end\n\n", "-d\n", "tab\t\n ./end", "\n"]


def made(place: Path, names: list[str]) -> None:
    for tree in ("source", "copy"):
        (place / tree).mkdir()
        for name in names:
            (place / tree / name).parent.mkdir(parents=True, exist_ok=True)
            (place / tree / name).write_text("")


def flags(place: Path) -> dict[str, str]:
    def of(name: str) -> str:
        said = subprocess.run(
            ["lsattr", "-d", "--", f"./{name}"], cwd=place, capture_output=True, text=True, check=True
        )
        return "".join(sorted(flag for flag in said.stdout.split(" ")[0] if flag in "dAS"))

    names = [str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()]
    return {name: of(name) for name in names}


def test_odd_names_have_their_own_flags_and_no_others(tmp_path: Path) -> None:
    made(tmp_path, NAMES)
    wanted = dict(zip(NAMES, ["d", "A", "", "dA", "S", "dAS", "d"], strict=True))
    for name, mark in wanted.items():
        if mark:
            subprocess.run(["chattr", f"+{mark}", "--", f"./{name}"], cwd=tmp_path / "source", check=True)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "marks").touch()
    done = shell(
        tmp_path,
        "for tree in source copy; do entries $WORK/$tree $LISTS/$tree || exit 1; done\n"
        'set_marks "$WORK/source" "$WORK/copy" "$LISTS/marks" || { echo "$reason" >&2; exit 1; }',
    )
    assert done.returncode == 0, done.stderr
    assert flags(tmp_path / "copy") == {name: "".join(sorted(mark)) for name, mark in wanted.items()}


def test_no_process_is_started_for_each_of_them(tmp_path: Path) -> None:
    made(tmp_path, [f"{number}\n" for number in range(400)])
    subprocess.run("chattr +d -- *", shell=True, cwd=tmp_path / "source", check=True)
    for name in ("lsattr", "chattr", "tr"):
        command(tmp_path, name, COUNTED.replace("{place}", str(tmp_path)).replace("{name}", name))
    done = shell(
        tmp_path,
        ": >$LISTS/marks; for tree in source copy; do entries $WORK/$tree $LISTS/$tree || exit 1; done\n"
        'set_marks "$WORK/source" "$WORK/copy" "$LISTS/marks" || { echo "$reason" >&2; exit 1; }',
    )
    assert done.returncode == 0, done.stderr
    assert set(flags(tmp_path / "copy").values()) == {"d"}
    assert len((tmp_path / "calls").read_text().split()) < 20


@pytest.mark.parametrize("tool", ["lsattr", "xargs", "find", "sed"])
def test_flags_that_could_not_be_read_are_not_none(tmp_path: Path, tool: str) -> None:
    made(tmp_path, NAMES)
    done = shell(
        tmp_path,
        ": >$LISTS/marks; for tree in source copy; do entries $WORK/$tree $LISTS/$tree || exit 1; done\n"
        f"mkdir -p $WORK/bin; printf '#!/bin/sh\\n/usr/bin/{tool} \"$@\" | head -c 9; exit 1\\n' >$WORK/bin/{tool}; "
        f"chmod +x $WORK/bin/{tool}\n"
        'set_marks "$WORK/source" "$WORK/copy" "$LISTS/marks" && exit 7; echo "$reason"',
    )
    assert done.returncode == 0, done.stderr
    assert "flags of names with a newline could not be read" in done.stdout
