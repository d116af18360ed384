"""What a host says of its overlays: recorded from Debian 12 with three of ours, layers on a second disk."""

from pathlib import Path

import pytest

from hostwright.base.refusal import DidNotTell
from hostwright.overlay.facts import Holder, Overlay, fstab_line, origin_inode, parse_holders, parse_overlays
from hostwright.overlay.plan.mounts import decide
from hostwright.overlay.plan.written import MARK
from tests.unit.overlay.hosts import wishes

RECORDED = (Path(__file__).parents[1] / "fixtures" / "overlays_debian12.txt").read_text().split("\n")
MANY = [f"/srv/layers/{number:02d}-".ljust(60, "x") for number in range(50)]
SITE = {
    "target": "/srv/site/merged",
    "lower": ["/srv/disk/theme", "/srv/disk/base"],
    "upper": "/srv/disk/upper",
    "work": "/srv/disk/work",
    "options": ["noatime"],
}


def test_what_is_mounted_and_what_there_is_of_each_path() -> None:
    found = parse_overlays(RECORDED)
    assert (found.root, found.kernel, found.util_linux, found.systemd) == (True, "6.1.0-56-cloud-amd64", (2, 38), 252)
    assert [(one.point, len(one.lowers), one.upper) for one in found.overlays] == [
        ("/srv/site/merged", 2, "/srv/disk/upper"),
        ("/srv/many", 50, ""),
        ("/srv/view", 2, ""),
    ]
    site = found.overlays[0]
    assert site == Overlay(
        point="/srv/site/merged",
        lowers=("/srv/disk/theme", "/srv/disk/base"),
        upper="/srv/disk/upper",
        work="/srv/disk/work",
        flags=frozenset({"rw", "noatime"}),
        options={},
        read_only=False,
    )
    assert found.below("/srv/disk/upper").source == "/dev/vdb"
    assert found.below("/srv/site/merged/x").kind == "overlay"
    assert found.below("/srv/site/merged/x", "/srv/site/merged").point == "/"
    assert found.places["/srv/disk/upper"].exists
    assert found.places["/srv/disk/upper"].identity == "64784:8195"
    assert found.strangers == {"/srv/disk/work": ()}
    assert found.others == ()
    its = found.units["/srv/site/merged"]
    assert its.text is not None
    assert its.text.startswith(f"{MARK}\n[Unit]\n")
    assert its.elsewhere == ""
    assert its.wants == ("/etc/systemd/system/local-fs.target.wants/srv-site-merged.mount",)


def test_there_was_nothing_left_to_do() -> None:
    view = {"target": "/srv/view", "lower": ["/srv/disk/base/dir", "/srv/disk/theme"]}
    assert not decide(parse_overlays(RECORDED), wishes(SITE, {"target": "/srv/many", "lower": MANY}, view)).changes


def test_half_an_answer_is_none() -> None:
    with pytest.raises(DidNotTell, match="not whole"):
        parse_overlays(RECORDED[:-2])
    assert not parse_overlays(["@@ who", "eve", "1000"]).root


# As kernels write it: tmpfs (recorded), ext4, XFS with large numbers, Btrfs; and what is none.
@pytest.mark.parametrize(
    ("handle", "inode"),
    [
        ("00fb210001f740d68863b042dc8d00ecb9cf64478b244c409d0200000000000000", 2),
        ("00fb1d000111111111111111111111111111111111" + "10000000" + "4c409d24", 16),
        ("00fb210081" + "11" * 16 + "8300000001000000" + "01020304", 0x100000083),
        ("00fb29004d" + "11" * 16 + "0001000000000000" + "05" * 12, 256),
        ("00fa210001", None),
        ("00fb210099" + "11" * 28, None),
        ("", None),
    ],
)
def test_the_inode_in_a_handle(handle: str, inode: int | None) -> None:
    assert origin_inode(bytes.fromhex(handle)) == inode


def test_lines_of_fstab() -> None:
    line = fstab_line(r"overlay /srv//a\040b/ overlay lowerdir=/x:/y,nofail 0 0")
    assert line is not None
    assert (line.point, line.kind, line.options) == ("/srv/a b", "overlay", ("lowerdir=/x:/y", "nofail"))
    assert fstab_line("# overlay /a overlay") is None
    assert fstab_line("") is None


def test_who_uses_it() -> None:
    lines = ["@@ holders /m", "process\t7\tbob\tweb.service\topen file\tweb\tx ", "mount\t/m/sub", "@@ told"]
    assert parse_holders(lines) == {
        "/m": (Holder("process", "7", "bob", "web.service", "open file", "web\tx "), Holder("mount", "/m/sub"))
    }
    with pytest.raises(DidNotTell):
        parse_holders(lines[:-1])
