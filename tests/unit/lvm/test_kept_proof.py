"""What proved a copy is kept in fstab, and a later run holds it against what it finds: on real file systems."""

import base64
import json
import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.operations.job import LIBRARY
from hostwright.lvm.plan.marker import MARKER, read_marker, variables_of
from hostwright.lvm.plan.rebalance import decide, examine
from hostwright.lvm.settings import Rebalance
from tests.scripts import script
from tests.unit.lvm.hosts import UUID, storage, survey, volume

MEMORY = {
    "line": "/dev/mapper/centos-home /home xfs defaults 0 0",
    "point": "/home",
    "uuid": UUID,
    "label": "",
    "kind": "xfs",
    "options": "defaults",
    "quota": "",
    "image": "",
}
IMAGE = "/var/lib/hostwright/centos-home.img"


def encoded(memory: dict[str, str]) -> str:
    return MARKER + base64.b64encode(json.dumps(memory).encode()).decode()


# -- a host with home's old volume, and the copy that home is served from

# What LVM tells of the two volumes, which are loop devices here.
HOST = """
PATH=$PLACE/bin:$PATH
settle() { :; }
make_room() { :; }
closed() { :; }
reload() { :; }
sleep() { command sleep 0.05; }
volume() { case $1 in home) echo "$OLD" ;; *) echo "$NEW" ;; esac; }
by_id() { volume "$1"; }
mkdir -p "$PLACE/home" "$PLACE/jobs/now/lists" "$PLACE/mnt" && mount --make-rprivate / &&
    mount --bind "$PLACE/fstab" /etc/fstab || exit 99
"""
FILL = """
umask 022
cd "$PLACE/home" && mkdir -p sub/deep || exit 99
for i in 1 2 3 4 5 6 7 8 9; do head -c 3000 /dev/urandom >"sub/f $i"; done
ln 'sub/f 1' sub/deep/linked && ln -s 'sub/f 2' link && printf odd >'two
lines' && setfattr -n user.kept -v yes 'sub/f 3' &&
    find . -exec touch -h -d '2020-01-01 00:00:00.5' {} + && cd / && sync
"""
PROVED = """
mount "$OLD" "$PLACE/home" && fill && try $MAKE "$NEW" && copy_live home_hostwright &&
    mount -o remount,ro "$PLACE/home" && verify home_hostwright && unmount_work && umount "$PLACE/home" &&
    try set_uuid && leads=home_hostwright && marker >"$PLACE/marker" && echo "$PROOF" ||
    { echo "failed: $reason"; exit 1; }
"""
MAKERS = {
    "xfs": ("mkfs.xfs -q -f", "300M", 'set_uuid() { xfs_admin -U "$(blkid -p -o value -s UUID "$OLD")" "$NEW"; }'),
    "ext4": (
        "mke2fs -q -F -t ext4 -O metadata_csum_seed",
        "24M",
        'set_uuid() { tune2fs -U "$(blkid -p -o value -s UUID "$OLD")" "$NEW"; }',
    ),
}


def run(place: Path, kind: str, commands: str, **header: str) -> str:
    """What the job's shell says, its reason last when it failed."""
    devices = []
    try:
        for name in ("old", "new"):
            told = subprocess.run(
                ["losetup", "-f", "--show", str(place / name)], check=True, capture_output=True, text=True
            )
            devices.append(told.stdout.strip())
        words = {"ID": "1", "STEPS": "1", "PLACE": str(place), "OLD": devices[0], "NEW": devices[1], "KIND": kind}
        words |= {"RUN": str(place / "jobs/now"), "WORK": str(place / "mnt"), "MOUNT": str(place / "home")}
        words |= {
            "LOG": str(place / "log/job.log"),
            "VG": "centos",
            "LV": "home",
            "COPY": "home_hostwright",
            "BUSY": "refuse",
        }
        words |= {"OPTIONS": "defaults", "SERVED": "home_hostwright", "PROOF": "", "TRUST": "no", "LOGIN": "1"}
        words |= {"MAKE": MAKERS[kind][0], "MARKER": encoded(MEMORY), "ORIGINAL": "", "QUOTA": "", "IMAGE": ""}
        library = script(*LIBRARY, **(words | header))
        (place / "script").write_text("\n".join([library, HOST, MAKERS[kind][2], commands]))
        done = subprocess.run(
            ["unshare", "-m", "sh", str(place / "script")], check=False, timeout=100, capture_output=True, text=True
        )
        return done.stdout + done.stderr
    finally:
        for device in devices:
            subprocess.run(["losetup", "-d", device], check=True)


@pytest.fixture(scope="module", params=["xfs", "ext4"])
def proved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, str]:
    """A home, its copy with its UUID, as a run left them that was lost behind the exchange; and the proof."""
    if os.geteuid() != 0:
        pytest.skip("mounts need root")
    kind, place = request.param, tmp_path_factory.mktemp(request.param)
    make, size, _ = MAKERS[kind]
    for name in ("old", "new"):
        subprocess.run(["truncate", "-s", size, str(place / name)], check=True)
    (place / "fstab").touch()
    subprocess.run([*shlex.split(make), str(place / "old")], check=True)
    said = run(place, kind, f"fill() {{ {FILL} }}\n{PROVED}")
    assert "failed" not in said, said
    return kind, place, said.splitlines()[-1]


@pytest.fixture
def lost(proved: tuple[str, Path, str], tmp_path: Path) -> tuple[str, Path, str]:
    kind, made, _ = proved
    for name in ("old", "new", "marker"):
        subprocess.run(["cp", "--sparse=always", str(made / name), str(tmp_path / name)], check=True)
    memory = json.loads(base64.b64decode((tmp_path / "marker").read_text().removeprefix(MARKER)))
    (tmp_path / "fstab").write_text("")
    return kind, tmp_path, memory["proof"]


def checked(kind: str, place: Path, old: str = ":", new: str = ":", **header: str) -> str:
    """What check_proof says, once something was done to the old home, and to that which is home now."""
    text = f"""
    mount -o nouuid "$OLD" "$PLACE/home" 2>/dev/null || mount "$OLD" "$PLACE/home" || exit 99
    (cd "$PLACE/home" && {old}) && umount "$PLACE/home" && mount "$NEW" "$PLACE/home" || exit 99
    (cd "$PLACE/home" && {new}) || exit 99
    sync
    if check_proof home; then echo good; else echo "bad: $reason"; fi
    awk -v at="$WORK/" 'index($5, at) == 1 {{ print "left: " $5 }}' /proc/self/mountinfo
    """
    return run(place, kind, text, **header)


def test_the_proof_is_a_field_of_the_marker_that_an_older_reader_passes_over(lost: tuple[str, Path, str]) -> None:
    kind, place, proof = lost
    marker = (place / "marker").read_text().rstrip("\n")
    assert "\n" not in marker
    uuid = subprocess.run(
        ["blkid", "-p", "-o", "value", "-s", "UUID", str(place / "new")], check=True, capture_output=True, text=True
    ).stdout.strip()
    words = dict(word.split("=") for word in proof.split())
    assert words["uuid"] == uuid
    # The top directory, two below, 9 files, a link, an odd name, and what a new ext4 has.
    assert words["inodes"] == str(14 + (kind == "ext4"))
    assert words["bytes"] == str(9 * 3000 + 3)
    assert int(words["own"]) > 0
    assert len(words["hash"]) == 64
    memory = json.loads(base64.b64decode(marker.removeprefix(MARKER)))
    # As packages read it that know of no proof.
    assert {key: str(memory[key]) for key in MEMORY} == MEMORY
    assert read_marker(replace(storage(), marker=marker))["proof"] == proof


def test_without_a_proof_the_marker_is_as_ever(lost: tuple[str, Path, str]) -> None:
    kind, place, _ = lost
    assert run(place, kind, "leads=home_hostwright; marker") == f"{encoded(MEMORY)}\n"
    told = run(place, kind, 'blkid() { return 2; }; leads=home_hostwright; marker || echo "$reason"', PROOF="inodes=1")
    assert told.startswith("blkid does not tell the UUID on ")
    assert run(place, kind, "base64() { return 1; }; leads=home; marker || echo no", PROOF="inodes=1") == "no\n"


def test_a_proof_that_holds(lost: tuple[str, Path, str]) -> None:
    kind, place, proof = lost
    said = checked(kind, place, PROOF=proof)
    assert said.splitlines()[-1] == "good", said
    assert f"holds what was proved: {14 + (kind == 'ext4')} inodes" in said
    # What users do with home since is no difference.
    said = checked(kind, place, new="rm -r sub && head -c 5000 /dev/zero >new", PROOF=proof)
    assert said.splitlines()[-1] == "good", said


@pytest.mark.parametrize(
    ("old", "says"),
    [
        ("rm 'sub/f 9'", "has {less} inodes with 24003 bytes, but {all} with 27003 were proved"),
        (": >'sub/f 9'", "has {all} inodes with 24003 bytes, but {all} with 27003 were proved"),
        ("rm -rf ./* .x", "inodes with 0 bytes, but {all} with 27003 were proved"),
        ("echo x >'another\nodd'", "has {more} inodes with 27005 bytes"),
    ],
)
def test_an_old_home_that_is_not_what_was_proved_stays(lost: tuple[str, Path, str], old: str, says: str) -> None:
    kind, place, proof = lost
    every = 14 + (kind == "ext4")
    said = checked(kind, place, old=old, PROOF=proof)
    assert says.format(all=every, less=every - 1, more=every + 1) in said
    assert "Both are kept. " in said
    assert "lvm_trust_copy=yes" in said
    assert f" {place}/home {kind} defaults 0 0' in place of the line below '# hostwright-lvm'" in said
    assert "left: " not in said


def test_home_that_is_served_by_another_uuid_was_not_proved(lost: tuple[str, Path, str]) -> None:
    kind, place, proof = lost
    other = " ".join([*proof.split()[:-1], f"uuid={UUID}"])
    said = checked(kind, place, PROOF=other)
    assert f"is served by UUID {proof.split('uuid=')[1]}, but {UUID} was proved" in said
    assert "Both are kept" in said
    said = checked(kind, place, new="blkid() { :; }", PROOF=proof.replace("uuid=", "nothing="))
    assert "Both are kept" in said


def test_home_that_is_not_mounted_from_the_copy_is_not_looked_at(lost: tuple[str, Path, str]) -> None:
    kind, place, proof = lost
    said = checked(kind, place, PROOF=proof, SERVED="home")
    assert "bad: " in said
    assert "not from home: mount it as /etc/fstab says" in said


@pytest.mark.parametrize("broken", ["find", "sort", "awk", "stat", "dd", "blkid"])
@pytest.mark.parametrize("instead", ["return 1", ":"])
def test_who_cannot_look_does_not_say_that_it_holds(lost: tuple[str, Path, str], broken: str, instead: str) -> None:
    kind, place, proof = lost
    said = run(
        place,
        kind,
        f'mount "$NEW" "$PLACE/home"; {broken}() {{ {instead}; }}\n'
        "if check_proof home; then echo good; else echo bad; fi",
        PROOF=proof,
    )
    if (broken, kind) != ("dd", "ext4"):
        assert "bad" in said.splitlines(), said


@pytest.mark.parametrize("proof", ["", "inodes=2"])
def test_who_trusts_the_copy_is_not_asked(lost: tuple[str, Path, str], proof: str) -> None:
    kind, place, _ = lost
    said = checked(kind, place, new="rm -r sub", PROOF=proof, TRUST="yes")
    assert said.splitlines() == ["    not looked at: lvm_trust_copy=yes", "good"]


# -- a marker of a package that kept no proof

# As long as it was served: fstab was changed after the copy was made, and before what users did.
THEN = 'touch -d "$(date -d "-1 hour" +%F\\ %T)" "$PLACE/fstab"'
NOW = 'touch -d "$(date -d "+1 hour" +%F\\ %T)" "$PLACE/fstab"'


def test_without_a_proof_both_are_compared(lost: tuple[str, Path, str]) -> None:
    kind, place, _ = lost
    said = checked(kind, place, new=NOW)
    assert said.splitlines()[-1] == "good", said
    assert "nothing is missing there" in said
    # As users leave it: a file that grew, another that came, and one that was replaced.
    later = f"{THEN}; echo more >>'sub/f 1'; echo new >came; rm 'sub/f 2'; echo other >'sub/f 2'; chmod 700 sub"
    later += "; setfattr -n user.kept -v other 'sub/f 3'; echo odd >'two\nlines'"
    said = checked(kind, place, new=later)
    assert said.splitlines()[-1] == "good", said


SAME_LOOK = (
    "cp -p 'sub/f 8' {at} && printf X | dd of='sub/f 8' bs=1 seek=100 conv=notrunc 2>/dev/null && "
    "touch -r {at} 'sub/f 8' && rm {at}"
)
DIFFERENCES = {
    "a file is missing": ("rm 'sub/f 9'", ["./sub/f 9"]),
    "a directory is missing": ("rm -r sub/deep", ["./sub/deep", "./sub/deep/linked"]),
    "a link is missing": ("rm link", ["./link"]),
    "all are missing": ("rm -rf ./* && : ", None),
    "bytes are others, nothing else": (SAME_LOOK.format(at='"$PLACE/at"'), ["./sub/f 8"]),
    "a file is empty, and older": (": >'sub/f 7' && touch -d 2019-01-01 'sub/f 7'", ["./sub/f 7"]),
    "a mode is another": ("chmod 640 'sub/f 6'", ["./sub/f 6"]),
    "an attribute is missing": ("setfattr -x user.kept 'sub/f 3'", ["./sub/f 3"]),
    "a link leads elsewhere": ("ln -sf 'sub/f 4' link && touch -h -d '2020-01-01 00:00:00.5' link", ["./link"]),
    "an odd name is missing": ("rm two*", ["./two?lines"]),
    "an odd file is empty": (": >'two\nlines' && touch -d '2020-01-01 00:00:00.5' two*", ["./two?lines"]),
}


@pytest.mark.parametrize("way", DIFFERENCES)
def test_what_is_missing_or_differs_in_home_keeps_both(lost: tuple[str, Path, str], way: str) -> None:
    kind, place, _ = lost
    new, names = DIFFERENCES[way]
    said = checked(kind, place, new=f"{{ {new}; }} && {NOW}")
    assert "bad: " in said, said
    assert "Both are kept" in said
    listed = place / "log/centos-home.differences"
    found = listed.read_text().splitlines()
    assert f"{len(found)} entries of home are missing in {place}/home" in said
    assert f"(listed in {listed})" in said
    if names is not None:
        assert found == names
    else:
        assert {"./link", "./sub/f 9", "./sub/deep"} <= set(found)
    assert "left: " not in said


# -- the plan


def host(served: str, *, old: bool, image: bool, proof: str) -> Storage:
    """After a run that was lost with home served from its copy or from the image."""
    made = storage(free=1000)
    root, home = made.groups[0].volumes
    copy = volume("home_hostwright", 512, 2, tags=("hostwright.copy",))
    volumes = (root, *([home] if old else []), *([copy] if served == "copy" else []))
    used = sum(each.extents for each in volumes)
    disks = (replace(made.groups[0].disks[0], allocated=used),)
    group = replace(made.groups[0], volumes=volumes, disks=disks, free=made.groups[0].extents - used)
    spec = IMAGE if served == "image" else "/dev/disk/by-id/dm-uuid-LVM-groupuuidhome_hostwrightuuid"
    memory = MEMORY | {"image": IMAGE if image else ""} | ({"proof": proof} if proof else {})
    line = replace(made.fstab[1], text=f"{spec} /home xfs defaults 0 0", spec=spec)
    return replace(made, groups=(group,), marker=encoded(memory), fstab=(made.fstab[0], line))


@settings(max_examples=200, deadline=None)
@given(
    served=st.sampled_from(["image", "copy"]),
    old=st.booleans(),
    image=st.booleans(),
    proof=st.sampled_from(["", "inodes=2 bytes=0 own=3 hash=0 uuid=1"]),
    trust=st.booleans(),
    inodes=st.integers(1, 10**5),
)
def test_nothing_that_was_home_goes_before_it_was_held_against_the_proof(
    served: str, old: bool, image: bool, proof: str, trust: bool, inodes: int
) -> None:
    found = host(served, old=old, image=image or served == "image", proof=proof)
    task = examine(found, Rebalance(shrink_to="2G", trust_copy=trust))
    made = decide(task, survey(inodes=inodes))
    steps = [step.call for step in made.steps]
    variables: dict[str, Any] = dict(made.variables)
    assert variables["PROOF"] == proof
    assert variables["TRUST"] == ("yes" if trust else "no")
    assert variables["SERVED"] == (IMAGE if served == "image" else "home_hostwright")
    assert "proof" not in json.loads(base64.b64decode(variables["MARKER"].removeprefix(MARKER)))
    former = ["home"] if old else [IMAGE] if served == "copy" and image else []
    assert [call[1] for call in steps if call[0] == "check_proof"] == former
    if former:
        looked = steps.index(("check_proof", former[0]))
        gone = [("remove_volume", "home"), ("remove_image", IMAGE), ("discard", "home", ""), ("discard", "home", IMAGE)]
        assert all(steps.index(call) > looked for call in gone if call in steps)
        assert [call[0] for call in steps].index("make_lists") < looked
        assert [call[0] for call in steps].index("drop_lists") > looked
    # What is home itself is never removed before there is another.
    if served == "image":
        assert steps.index(("remove_image", IMAGE)) > [call[0] for call in steps].index("verify")


def test_the_proof_of_a_lost_run_is_not_written_again_by_the_next() -> None:
    found = host("image", old=True, image=True, proof="inodes=2")
    task = examine(found, Rebalance(shrink_to="2G"))
    assert dict(variables_of(task))["PROOF"] == "inodes=2"
    assert read_marker(found)["proof"] == "inodes=2"
    assert "proof" not in read_marker(replace(found, marker=encoded(MEMORY)))
