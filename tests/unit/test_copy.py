"""What copies home: the shell itself, on small trees."""

import subprocess
from pathlib import Path

import pytest

from hostwright.shell import script

COPIED = """
copy_times_of_directories() { :; }
run_rsync() { :; }
"""


def run(place: Path, command: str) -> None:
    """Runs a function of the library on place/source and place/copy."""
    (place / "lists").mkdir()
    header = {"RUN": str(place), "LISTS": str(place / "lists"), "S": str(place / "source"), "C": str(place / "copy")}
    text = script("tree", **header)
    subprocess.run(["sh", "-c", f"{text}\n{COPIED}\nlive=yes pass=1\n{command}"], check=True, timeout=60)


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
    run(tmp_path, 'entries "$S" >"$LISTS/entries"; copy_all "$S" "$C" "$LISTS/entries"')
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
        'entries "$S" | grep "f " >"$LISTS/bulk"; most=10000; : >"$LISTS/sums.bulk"; copy_bulk "$S" "$C" "$LISTS/bulk"',
    )
    for number in range(50):
        assert (tmp_path / "copy" / "a" / f"f {number}").read_bytes() == bytes([number]) * 5000
    sums = (tmp_path / "lists" / "sums.bulk").read_text().splitlines()
    names = sorted(f"./a/f {number}" for number in range(50))
    assert sorted(line.split("\t")[1] for line in sums) == names
    assert len(list((tmp_path / "lists").glob("part.*"))) > 10
