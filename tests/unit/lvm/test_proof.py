"""Nothing is proved by lists that are empty, cut short or could not be written: the shell itself, on small trees."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.lvm.proving import command, copied_and_proved, shell

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")

# What a disk that loses data, or a tool that is broken, makes of a copy; each time that something was copied.
WAYS_TO_SPOIL = {
    "a file is missing": 'rm -f "$WORK/copy/sub/f 5"',
    "a file is empty": ': >"$WORK/copy/sub/f 6"; touch -r "$WORK/source/sub/f 6" "$WORK/copy/sub/f 6"',
    "a byte is another": 'printf X | dd of="$WORK/copy/sub/f 7" bs=1 seek=100 conv=notrunc 2>/dev/null; '
    'cp -p --attributes-only "$WORK/source/sub/f 7" "$WORK/copy/sub/f 7"',
    "nothing is there": 'rm -rf "$WORK"/copy/*',
}


def spoilt(way: str) -> str:
    """Shell that spoils the copy whenever it was made or brought up to date."""
    return (
        f"spoil() {{ {WAYS_TO_SPOIL[way]}; }}\n"
        'copy_marks() { marks_of "$WORK/source" "$LISTS/again.entries" "$LISTS/marks.again" && '
        'sorted "$LISTS/marks.now" current_marks && spoil; }\n'
        'copy_times_of_directories() { within "$1" cp -r -n --attributes-only --preserve=timestamps . "$2/" '
        ">/dev/null 2>&1; spoil; }\n"
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "source" / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "copy").mkdir()
    for number in range(12):
        (tmp_path / "source" / "sub" / f"f {number}").write_bytes(os.urandom(500 + number))
    os.link(tmp_path / "source" / "sub" / "f 1", tmp_path / "source" / "sub" / "deep" / "linked")
    (tmp_path / "source" / "link").symlink_to("sub/f 2")
    os.mkfifo(tmp_path / "source" / "pipe")
    (tmp_path / "source" / "two\nlines").write_text("odd")
    os.setxattr(tmp_path / "source" / "sub" / "f 3", "user.kept", b"yes")
    return tmp_path


def differences(place: Path) -> str:
    left, right = (
        subprocess.run(
            [
                "sh",
                "-c",
                "find . -printf '%y %m %n %T@ %l %p\\n' | sort; find . -type f -print0 | sort -z | xargs -0 md5sum",
            ],
            cwd=place / name,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in ("source", "copy")
    )
    return "" if left == right else f"{left}\n---\n{right}"


def test_a_copy_that_is_right_is_proved_by_two_counts(place: Path) -> None:
    proved, said = copied_and_proved(place)
    assert proved, said
    assert "proof: inodes=18 bytes=6069 own= hash=" in said
    assert not differences(place)


@pytest.mark.parametrize("way", WAYS_TO_SPOIL)
def test_a_copy_that_is_wrong_is_not(place: Path, way: str) -> None:
    proved, said = copied_and_proved(place, first=spoilt(way))
    assert not proved, said
    assert "verify: " in said


# Half of the output, and the status of a failure or of success; or nothing at all.
HALF = """#!/bin/sh
[ -e {place}/broken ] || exec {real} "$@"
{real} "$@" >{place}/whole.$$ {stdin}
head -c $(($(wc -c <{place}/whole.$$) / {part})) {place}/whole.$$
rm {place}/whole.$$
exit {code}
"""
BREAKAGES = [
    ("sort", 2, 2),
    ("sort", 1000000, 2),
    ("sort", 2, 0),
    ("find", 2, 1),
    ("find", 1000000, 1),
    ("find", 2, 0),
    ("find", 1000000, 0),
    ("comm", 1000000, 0),
    ("cut", 2, 0),
    ("awk", 2, 2),
    ("awk", 1000000, 0),
    ("md5sum", 2, 1),
    ("cat", 1000000, 1),
    ("cmp", 1000000, 0),
]


@pytest.mark.parametrize(("tool", "part", "code"), BREAKAGES)
def test_a_broken_tool_proves_nothing(place: Path, tool: str, part: int, code: int) -> None:
    real = subprocess.run(["sh", "-c", f"command -v {tool}"], check=True, capture_output=True, text=True).stdout.strip()
    command(place, tool, HALF.format(place=place, real=real, part=part, code=code, stdin=""))
    # Once while home is in use, and once when nobody can change it any more.
    for first, spoil in ((f": >{place}/broken", ":"), (":", f": >{place}/broken")):
        (place / "broken").unlink(missing_ok=True)
        for leftover in ("copy", "lists"):
            subprocess.run(["rm", "-rf", str(place / leftover)], check=True)
        (place / "copy").mkdir()
        proved, said = copied_and_proved(place, first=f"{spoilt('nothing is there')}\n{first}", spoil=spoil)
        assert not proved, said


@pytest.mark.parametrize("way", [None, "a file is empty", "nothing is there"])
def test_lists_without_room_prove_nothing_but_what_is_so(place: Path, way: str | None) -> None:
    outcomes = set()
    for room in (0, 4, 12, 20, 32, 48, 64, 80, 100, 128, 160, 256):
        for leftover in ("copy", "run"):
            subprocess.run(["rm", "-rf", str(place / leftover)], check=True)
        (place / "copy").mkdir()
        small = place / "small"
        small.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(small)], check=True)
        try:
            (small / "fill").write_bytes(bytes((256 - room) * 1024))
            proved, said = copied_and_proved(place, small, first=spoilt(way) if way else ":")
        finally:
            subprocess.run(["umount", str(small)], check=True)
        assert not (proved and (way or differences(place))), f"{room} KiB: {said}"
        outcomes.add(proved)
        if not proved:
            assert "live: " in said or "verify: " in said, f"{room} KiB: {said}"
    assert outcomes == ({False} if way else {False, True})


# Each writes its list where there is room for another one, but for the last.
LISTINGS = [
    'entries "$WORK/source" {}',
    'sorted {} keys "$LISTS/now"',
    'sorted {} looks "$LISTS/now"',
    'sorted {} either "$LISTS/names" /dev/null',
    'into {} of_names "$LISTS/names" "$LISTS/now"',
    'into {} not_of_names /dev/null "$LISTS/now"',
    'into {} not_through_links "$WORK/source" "$LISTS/now"',
    'into {} comm -23 "$LISTS/names" /dev/null',
    'into {} names_of 1 "$LISTS/now"',
    'sorted {} inodes_of "$WORK/source" "$LISTS/now"',
    'marks_of "$WORK/source" "$LISTS/now" {}',
    'attributes_of "$WORK/source" "$LISTS/now" {}',
    'links_of "$LISTS/now" {}',
    'special "$WORK/source" "$LISTS/now" {}',
    'filled "$LISTS/sparse" "$WORK/source" {}',
    'quotas_at "$WORK/source" {}',
]
QUOTAS = "#!/bin/sh\necho 'fs = /dev/x'\necho '1000 1 2 3 4 5'\n"


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_list_that_cannot_be_written_is_no_list(place: Path, listing: str) -> None:
    command(place, "xfs_quota", QUOTAS)
    subprocess.run(["chattr", "+d", str(place / "source" / "sub" / "f 4")], check=True)
    lists = (
        'QUOTA=usrquota; entries "$WORK/source" "$LISTS/now" && sorted "$LISTS/names" names "$LISTS/now" || exit 9\n'
    )
    lists += "awk '{ $3 = 1e9; $11 = 0 } 1' OFS=' ' \"$LISTS/now\" | sed 's/ \\./\\t./' >\"$LISTS/sparse\"\n"
    whole = shell(place, lists + listing.replace("{}", '"$RUN/list"'))
    assert whole.returncode == 0, whole.stderr
    assert (place / "run" / "list").stat().st_size > 0
    small = place / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(small)], check=True)
    try:
        (small / "fill").write_bytes(bytes(256 * 1024))
        done = shell(place, lists + listing.replace("{}", '"$WORK/small/list"'))
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert done.returncode == 1, done.stderr


@pytest.mark.parametrize(
    "commands",
    [
        'sorted "$LISTS/x" false',
        'into "$LISTS/x" of_names "$LISTS/none" /dev/null',
        'printf "1\\n" >"$LISTS/a"; same_count x "$LISTS/a" /dev/null',
        'mkdir "$WORK/nowhere"; find() { :; }; entries "$WORK/nowhere" "$LISTS/x"',
        'KIND=xfs QUOTA=usrquota; xfs_quota() { :; }; quotas_at "$WORK/source" "$LISTS/x"',
        'KIND=xfs QUOTA=grpquota; xfs_quota() { echo "fs = /dev/x"; return 1; }; quotas_at "$WORK/source" "$LISTS/x"',
        'KIND=ext4 QUOTA=usrquota; repquota() { :; }; quotas_at "$WORK/source" "$LISTS/x"',
        'KIND=ext4 QUOTA=usrquota; repquota() { echo "*** Report for"; false; }; quotas_at "$WORK/source" "$LISTS/x"',
        'own=""; du() { :; }; inodes=1; count_used "$WORK/source" /dev/null',
        'own=2; stat() { :; }; inodes=1; count_used "$WORK/source" /dev/null',
        'own=2; inodes=1; count_used "$WORK/source" /dev/null',
        'entries "$WORK/source" "$LISTS/now"; awk() { :; }; count_listed "$WORK/source" "$LISTS/now"',
    ],
)
def test_an_empty_answer_is_not_an_answer(place: Path, commands: str) -> None:
    done = shell(place, f'{commands} && exit 0; echo "$reason"; exit 1')
    assert done.returncode == 1, done.stderr
    assert done.stdout.strip(), "no reason was given"
