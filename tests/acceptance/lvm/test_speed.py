"""Copying home and proving the copy, beside what plain tools take for the copy alone (`make soak`).

On file systems in files of this very machine: an emulated one takes tens of milliseconds for every process it starts.
All tools go past the page cache of the files, as on a volume. Once on the disk as it is, and once on one of 200 MB a
second, reads and writes together.
"""

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median

import pytest

from hostwright.lvm.operations.job import LIBRARY
from tests.acceptance.host import ROOT
from tests.campaign.arena import mounted
from tests.lab.call import call
from tests.scripts import script

RESULTS = ROOT / "tests" / "results" / "speed.jsonl"
GIB = 1024**3
TOOLS = {
    "cp": "cp -a {home}/. {copy}/",
    "rsync": "rsync -aHAX {home}/ {copy}/",
    "tar": "tar -C {home} -c --acls --xattrs . | tar -C {copy} -x --acls --xattrs",
    "xfsdump": "xfsdump -J - {home} | xfsrestore -J - {copy}",
}
KINDS = {"large files": (300, 6_000_000), "small files": (12_000, 50_000)}
# Bytes a second of the disk that both copies are on, and how often all is measured.
DISKS = {"fast disk": (0, 5), "200 MB/s": (200_000_000, 3)}


@pytest.fixture
def place() -> Iterator[Path]:
    """Not in memory, as /tmp is on many machines."""
    directory = ROOT / "tests" / "results" / f"speed-{os.getpid()}"
    directory.mkdir(parents=True)
    yield directory
    call(["rm", "-rf", "--one-file-system", str(directory)])


@contextmanager
def slow(images: Sequence[Path], rate: int) -> Iterator[list[Path]]:
    """The same images on one disk that gives and takes so many bytes a second."""
    words = ["qemu-storage-daemon", "--object", f"throttle-group,id=disk,limits.bps-total={rate}"]
    exports = []
    for image in images:
        export = image.with_suffix(".slow")
        export.touch()
        file = f"file.driver=file,file.filename={image},file.cache.direct=on,file.aio=native"
        words += ["--blockdev", f"driver=throttle,throttle-group=disk,node-name={image.stem},{file}"]
        words += ["--export", f"fuse,id={image.stem},node-name={image.stem},mountpoint={export},writable=on"]
        exports.append(export)
    # Ctrl-C is for the test, which has to unmount first.
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True) as daemon:
        try:
            while not all(export.stat().st_size for export in exports):
                assert daemon.poll() is None
                time.sleep(0.1)
            yield exports
        finally:
            daemon.terminate()


@contextmanager
def attached(image: Path, direct: str) -> Iterator[Path]:
    device = call(["losetup", "-f", f"--direct-io={direct}", "--show", str(image)]).strip()
    try:
        yield Path(device)
    finally:
        call(["losetup", "-d", device])


@pytest.mark.soak
@pytest.mark.parametrize(
    ("kind", "disk", "most"),
    # Two passes over the disk copy and the third proves, which makes 1.5 of large files where one waits for the disk.
    [
        ("large files", "200 MB/s", 1.7),
        ("small files", "200 MB/s", 2.25),
        ("large files", "fast disk", 2.0),
        ("small files", "fast disk", 2.25),
    ],
)
def test_copy_and_proof_take_little_longer_than_a_plain_copy(place: Path, kind: str, disk: str, most: float) -> None:
    rate, rounds = DISKS[disk]
    images = [place / "home.img", place / "copy.img"]
    for image in images:
        call(["fallocate", "-l", str(4 * GIB), str(image)])
    # Behind FUSE, the slow disk itself goes past the cache.
    direct = "off" if rate else "on"
    with (
        slow(images, rate) if rate else nullcontext(images) as (home, copy),
        attached(home, direct) as volume,
        attached(copy, direct),
    ):
        medians = _measured(place, volume, copy, kind, rounds)
    ours = medians.pop("copied and proved")
    ratio = round(ours / min(medians.values()), 2)
    record = {"data": kind, "disk": disk, **medians, "copied and proved": ours, "ratio": ratio, "rounds": rounds}
    with RESULTS.open("a") as file:
        file.write(json.dumps(record) + "\n")
    assert ratio <= most, record


def _measured(place: Path, home: Path, copy: Path, kind: str, rounds: int) -> dict[str, float]:
    """Seconds by tool, the medians of all rounds. Home is a device, the copy an image that is attached to one."""
    device = Path(call(["losetup", "-n", "-O", "NAME", "-j", str(copy)]).strip())
    call(["mkfs.xfs", "-q", "-K", str(home)])
    with mounted(home, place / "home", "xfs", "rw") as at:
        _plant(at, *KINDS[kind])
    seconds: dict[str, list[float]] = {}
    with mounted(home, place / "home", "xfs", "rw"):
        for _ in range(rounds):
            for name, command in TOOLS.items():
                call(["mkfs.xfs", "-q", "-f", "-K", str(device)])
                with mounted(device, place / "copy", "xfs", "rw"):
                    seconds.setdefault(name, []).append(
                        _plain(command.format(home=place / "home", copy=place / "copy"))
                    )
            call(["mkfs.xfs", "-q", "-f", "-K", str(device)])
            seconds.setdefault("copied and proved", []).append(_ours(place, copy))
    return {name: round(median(taken), 2) for name, taken in seconds.items()}


def _plant(at: Path, count: int, size: int) -> None:
    chance = random.Random(0)
    for number in range(count):
        directory = at / f"{number % 97}" / f"{number % 7}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"file {number}").write_bytes(chance.randbytes(chance.randint(size // 2, size * 3 // 2)))


def _plain(command: str) -> float:
    _forget()
    begun = time.monotonic()
    call(["sh", "-c", f"{{ {command} && sync; }} >/dev/null 2>&1"])
    return time.monotonic() - begun


def _ours(place: Path, copy: Path) -> float:
    """The step of a job that copies, with all its comparing, on an image as it is where home is staged."""
    run = place / "run"
    (run / "lists").mkdir(parents=True)
    header = {"RUN": run, "WORK": run / "work", "LOG": run / "log", "MOUNT": place / "home"}
    words = {"KIND": "xfs", "QUOTA": "", "ID": "speed", "UUID": "", "LABEL": "", "LOGIN": ""}
    text = script(*LIBRARY, **{name: str(path) for name, path in header.items()}, **words)
    _forget()
    # Not into a pipe: what the job leaves asleep for a moment would hold it open.
    said = place / "said"
    begun = time.monotonic()
    with said.open("w") as file:
        job = subprocess.run(
            ["sh", "-c", f'{text}\ncopy_live "{copy}" || {{ echo "$reason"; exit 1; }}\n[ ! -s "$LISTS/changed" ]'],
            stdout=file,
            stderr=file,
            check=False,
        )
    taken = time.monotonic() - begun
    call(["umount", str(run / "work" / "source")])
    call(["rm", "-rf", "--one-file-system", str(run)])
    assert job.returncode == 0, said.read_text()
    return taken


def _forget() -> None:
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")
