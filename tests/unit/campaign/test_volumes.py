"""What the steps tell LVM: the shell itself, with LVM's commands recorded."""

import subprocess
from pathlib import Path

import pytest

from tests.scripts import script

PLAIN = {"TAGS": "", "READ_AHEAD": "auto", "ALLOCATION": "inherit", "PROFILE": ""}
OWN = {"TAGS": "web,site=a&b", "READ_AHEAD": "512", "ALLOCATION": "contiguous", "PROFILE": "my db"}


def run(place: Path, command: str, answers: str = "", **header: str) -> tuple[int, list[str]]:
    """A function's exit code, and the commands that it gave; `answers` says how some of them end."""
    told = 'told() { printf "%s\\n" "$(for word; do printf "<%s>" "$word"; done)" >>"$RUN/told"; }'
    stubs = "\n".join(f'{name}() {{ told {name} "$@"; }}' for name in ("lvcreate", "lvchange", "settle"))
    text = script("job", "asking", "copies", **({"ID": "1", "STEPS": "1", "RUN": str(place), "VG": "centos"} | header))
    done = subprocess.run(["sh", "-c", f"{text}\n{told}\n{stubs}\n{answers}\n{command}"], check=False, timeout=30)
    return done.returncode, (place / "told").read_text().splitlines()


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (PLAIN, ["<-r><auto><--addtag><hostwright.copy><centos></dev/vda>"]),
        (
            OWN,
            [
                "<-r><512><--addtag><hostwright.copy><--addtag><web><--addtag><site=a&b><centos></dev/vda>",
                "<lvchange><--alloc><contiguous><--metadataprofile><my db><centos/home_hostwright>",
            ],
        ),
        (
            PLAIN | {"ALLOCATION": "cling"},
            [
                "<-r><auto><--addtag><hostwright.copy><centos></dev/vda>",
                "<lvchange><--alloc><cling><centos/home_hostwright>",
            ],
        ),
    ],
)
def test_a_copy_has_what_the_volume_has(tmp_path: Path, own: dict[str, str], told: list[str]) -> None:
    made = f"<lvcreate><-y><-Wy><-Zy><-l><512><-n><home_hostwright>{told[0]}"
    command = "make_volume home_hostwright 512 /dev/vda"
    assert run(tmp_path, command, **own) == (0, [made, *told[1:], "<settle>"])


def test_a_profile_that_is_gone_does_not_keep_home_from_its_volume(tmp_path: Path) -> None:
    answers = "lvchange() { told lvchange; return 5; }"
    assert run(tmp_path, "make_volume home_hostwright 512", answers, **OWN)[0] == 0
    assert run(tmp_path, "make_volume home_hostwright 512", "lvcreate() { told lvcreate; return 5; }", **OWN)[0] == 1
