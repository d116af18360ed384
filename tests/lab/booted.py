"""Machines that have booted already: what one had in memory then is kept beside its disk, and others go on from there.

A boot takes half a minute of an emulated processor; to read this takes a second. Reboots are real ones.
"""

import hashlib
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.lab import qemu
from tests.lab.cache import cached
from tests.lab.call import call
from tests.lab.image import Image
from tests.lab.machine import Machine


@dataclass(frozen=True)
class Booted:
    directory: Path

    @property
    def disk(self) -> Path:
        return self.directory / "disk.qcow2"

    @property
    def memory(self) -> Path:
        return self.directory / "memory"


def booted(image: Image, disk: Path) -> Booted | None:
    """A machine that has booted from that disk, started first if the cache has none; nothing where a boot is quick.

    + disk: in the cache, and never changed
    """
    if qemu.virtualizes():
        return None
    # Another QEMU need not understand it.
    made_by = hashlib.sha256((call([qemu.QEMU, "--version"]) + Path(qemu.__file__).read_text()).encode()).hexdigest()[
        :12
    ]
    place = disk.parent.with_name(f"{disk.parent.name}-booted-{made_by}")
    return Booted(cached(place, partial(_boot, image, disk)))


def _boot(image: Image, disk: Path, directory: Path) -> None:
    machine = Machine(image, directory / "machine", backing=disk)
    try:
        machine.start(monitor=True)
        machine.leave_memory(directory / "memory")
    finally:
        machine.crash()
    machine.disk.rename(directory / "disk.qcow2")
    shutil.rmtree(directory / "machine")
