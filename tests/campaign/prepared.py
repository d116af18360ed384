"""Lab machines as campaigns find them before a deploy, with a home that can be told from any other one."""

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.acceptance.story import identity, reads_leave_no_trace
from tests.campaign.scenarios import Scenario
from tests.lab.build import recipe_hash
from tests.lab.cache import cached
from tests.lab.call import call
from tests.lab.image import image
from tests.lab.machine import Machine
from tests.lab.tree import GUEST, Entry, listing, plant_few
from tests.lab.variants import prepare

MIB = 1024**2
DISK = 8 * 1024**3


@dataclass(frozen=True)
class Prepared:
    """
    + partitions: offset and length of what may be physical volumes on the disk
    + home: what is in home
    + identity: UUID and label of home's file system, and fstab
    """

    directory: Path
    partitions: tuple[tuple[int, int], ...]
    home: dict[str, Entry]
    identity: str

    @property
    def disk(self) -> Path:
        return self.directory / "disk.qcow2"


def directory(name: str, *what: str) -> Path:
    """Where the cache keeps what was made of all that."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hostwright" / "campaign"
    return cache / f"{name}-{hashlib.sha256(chr(0).join(what).encode()).hexdigest()[:12]}"


def prepared(scenario: Scenario) -> Prepared:
    """The machine, shut down in an orderly way; made first if the cache does not hold it."""
    planted = hashlib.sha256((GUEST / "plant_few.py").read_bytes()).hexdigest()
    kept = cached(
        directory(f"{scenario.name}-prepared", repr(scenario), recipe_hash(), planted), partial(_prepare, scenario)
    )
    return Prepared(kept, _partitions(scenario), **json.loads((kept / "prepared.json").read_text()))


def _prepare(scenario: Scenario, directory: Path) -> None:
    machine = Machine(image(), directory / "machine")
    try:
        machine.start()
        prepare(machine, **scenario.variant)
        plant_few(machine)
        reads_leave_no_trace(machine)
        if at := scenario.staging:
            machine.succeed(f"mkdir {at} && echo '/dev/vda2 {at} ext4 nofail 0 2' >>/etc/fstab")
        kept = {"home": listing(machine), "identity": identity(machine)}
        machine.stop()
    finally:
        machine.crash()
    if scenario.scratch:
        _partition(machine.disk, _partitions(scenario), formatted=bool(scenario.staging))
    (directory / "prepared.json").write_text(json.dumps(kept))
    machine.disk.rename(directory / "disk.qcow2")
    shutil.rmtree(directory / "machine")


def _partitions(scenario: Scenario) -> tuple[tuple[int, int], ...]:
    if not scenario.scratch:
        return ((0, DISK),)
    return (MIB, DISK), (MIB + DISK, scenario.scratch)


def _partition(disk: Path, partitions: tuple[tuple[int, int], ...], formatted: bool) -> None:
    """Move the content of the disk into the first one of partitions that it had not."""
    raw = disk.with_suffix(".raw")
    first, last = partitions[0], partitions[-1]
    with raw.open("wb") as file:
        file.truncate(last[0] + last[1] + MIB)
    table = "".join(f"start={start // 512}, size={size // 512}, type=8e\n" for start, size in partitions)
    subprocess.run(["sfdisk", "--quiet", "--label", "dos", str(raw)], input=table, text=True, check=True)
    place = f"driver=raw,offset={first[0]},size={first[1]},file.driver=file,file.filename={raw}"
    call(["qemu-img", "convert", "-n", "--target-image-opts", str(disk), place])
    if formatted:
        call(["mke2fs", "-q", "-F", "-t", "ext4", "-E", f"offset={last[0]}", str(raw), f"{last[1] // 1024}k"])
    call(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(disk)])
    raw.unlink()
