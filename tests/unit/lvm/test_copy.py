"""What copies home: the shell itself, on small trees."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.scripts import script

COPIED = """
why() { reason=$*; return 1; }
copy_times_of_directories() { :; }
run_rsync() { :; }
"""


# How those say what they know that have no xxHash.
OLD_RSYNC = """#!/bin/sh
case " $* " in *" --version "*) /usr/bin/rsync "$@" | sed 's/xxh[0-9]*//g' ;; *) exec /usr/bin/rsync "$@" ;; esac
"""


def run(place: Path, command: str) -> None:
    """Runs a function of the library on place/source and place/copy; commands in place/bin come first."""
    (place / "lists").mkdir()
    header = {"RUN": str(place), "LISTS": str(place / "lists"), "S": str(place / "source"), "C": str(place / "copy")}
    text = script("tree", "compare", **header)
    subprocess.run(
        ["sh", "-c", f"{text}\nPATH={place}/bin:$PATH\n{COPIED}\nlive=yes pass=1\n{command}"], check=True, timeout=60
    )


@pytest.mark.parametrize("data", ["with-data", "sparse"])
def test_a_directory_that_became_a_link_leads_nobody_out_of_the_copy(tmp_path: Path, data: str) -> None:
    for name in ("source/sub/deep", "copy", "outside/deep"):
        (tmp_path / name).mkdir(parents=True)
    victim = tmp_path / "outside" / "deep" / "file"
    victim.write_text("must stay")
    with (tmp_path / "source" / "sub" / "deep" / "file").open("w") as file:
        file.write("evil")
        if data == "sparse":
            file.truncate(200 * 1024**2)
    # The link was there when rsync looked, and is no more.
    (tmp_path / "copy" / "sub").symlink_to(tmp_path / "outside")
    (tmp_path / "source" / "beside").write_text("copied")
    run(
        tmp_path,
        'entries "$S" "$LISTS/entries"; ln -s entries "$LISTS/again.entries"; : >"$LISTS/carried"; copy_all "$S" "$C"',
    )
    assert victim.read_text() == "must stay"
    assert sorted(path.name for path in (tmp_path / "outside" / "deep").iterdir()) == ["file"]
    assert (tmp_path / "copy" / "beside").read_text() == "copied"


def test_many_parts_bring_every_file_and_its_sum(tmp_path: Path) -> None:
    for name in ("source/a", "copy/a"):
        (tmp_path / name).mkdir(parents=True)
    for number in range(50):
        (tmp_path / "source" / "a" / f"f {number}").write_bytes(bytes([number]) * 5000)
    run(
        tmp_path,
        'entries "$S" "$LISTS/all"; grep "f " "$LISTS/all" >"$LISTS/bulk"; most=10000; : >"$LISTS/sums.bulk"; '
        'rm() { :; }; copy_bulk "$S" "$C" "$LISTS/bulk"',
    )
    for number in range(50):
        assert (tmp_path / "copy" / "a" / f"f {number}").read_bytes() == bytes([number]) * 5000
    sums = (tmp_path / "lists" / "sums.bulk").read_text().splitlines()
    names = sorted(f"./a/f {number}" for number in range(50))
    assert sorted(line.split("\t")[1] for line in sums) == names
    assert len((tmp_path / "lists/parts").read_text().splitlines()) > 10
    # Where lists have a file system of their own, it has few inodes.
    assert len(list((tmp_path / "lists").glob("part.*"))) == 2


def put_command(place: Path, name: str, text: str) -> None:
    (place / "bin").mkdir()
    (place / "bin" / name).write_text(text)
    (place / "bin" / name).chmod(0o755)


ODD_NAMES = [
    "plain",
    "two words",
    "\\back",
    "#012",
    "\\#012",
    "caf\xe9 \u2713",
    "tab\there",
    "-n",
    "*",
    "'\"$(",
    "0123456789abcdef x",
]
UNLIKE = """
entries "$S" "$LISTS/entries"; entries "$C" "$LISTS/there"
{ plain "$LISTS/entries" | names_of '$4 == "f"' - | sums_side_by_side "$S"; } >"$LISTS/sums.known"
KIND=xfs; rm() { :; }; unlike "$S" "$C" "$LISTS/entries" "$LISTS/sums.known" "$RUN/unlike"
"""


def unlike(place: Path) -> list[str]:
    run(place, UNLIKE)
    return [line.removeprefix("./") for line in (place / "unlike").read_text().splitlines()]


def alike(place: Path) -> None:
    for side in ("source", "copy"):
        (place / side / "sub").mkdir(parents=True)
        for name in ODD_NAMES:
            (place / side / "sub" / name).write_text(f"what is in {name}")
        (place / side / "empty").touch()


@pytest.mark.parametrize("rsync", ["new", "old"])
def test_what_differs_is_found_by_either_sum_whatever_its_name(tmp_path: Path, rsync: str) -> None:
    alike(tmp_path)
    if rsync == "old":
        put_command(tmp_path, "rsync", OLD_RSYNC)
    for name in ODD_NAMES[1:]:
        (tmp_path / "copy" / "sub" / name).write_text(f"what is at {name}")
    (tmp_path / "copy" / "empty").unlink()
    assert unlike(tmp_path) == sorted(["empty", *(f"sub/{name}" for name in ODD_NAMES[1:])], key=str.encode)
    sums = (tmp_path / "lists" / "sums.known").read_text().splitlines()
    assert {len(line.split("\t")[0]) for line in sums} == {16 if rsync == "new" else 32}


@pytest.mark.parametrize("rsync", ["new", "old"])
def test_what_is_alike_is_known_to_be(tmp_path: Path, rsync: str) -> None:
    alike(tmp_path)
    if rsync == "old":
        put_command(tmp_path, "rsync", OLD_RSYNC)
    assert unlike(tmp_path) == []
    for of in ("sums.copy", "known"):
        assert len((tmp_path / "lists" / of).read_text().splitlines()) == len(ODD_NAMES) + 1


def test_a_pipe_in_the_copy_is_not_waited_for(tmp_path: Path) -> None:
    alike(tmp_path)
    (tmp_path / "copy" / "empty").unlink()
    os.mkfifo(tmp_path / "copy" / "empty")
    assert unlike(tmp_path) == ["empty"]


def test_zeros_that_cannot_be_read_are_not_zeros_that_were_written(tmp_path: Path) -> None:
    alike(tmp_path)
    for side in ("source", "copy"):
        (tmp_path / side / "zeros").write_bytes(bytes(100_000))
    failing = f"""#!/bin/sh
[ "$1" = -- ] || exec /bin/cat "$@"
[ "$PWD" = {tmp_path}/copy ] || exec /bin/cat "$@"
for name do case $name in */zeros) echo "cat: $name: Input/output error" >&2; exit 1 ;; esac; done
exec /bin/cat "$@"
"""
    put_command(tmp_path, "cat", failing)
    assert unlike(tmp_path) == ["zeros"]
    assert "Input/output error" in (tmp_path / "lists" / "errors").read_text()


def test_what_could_be_read_on_neither_side_is_like_nothing(tmp_path: Path) -> None:
    alike(tmp_path)
    lists = 'entries "$S" "$LISTS/entries"; entries "$C" "$LISTS/there"; : >"$LISTS/none"; rm "$S/empty" "$C/empty"'
    run(tmp_path, f'{lists}; KIND=xfs; unlike "$S" "$C" "$LISTS/entries" "$LISTS/none" "$RUN/unlike"')
    assert (tmp_path / "unlike").read_text() == "./empty\n"
