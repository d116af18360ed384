"""Deploys are run as a person runs them, against lab machines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.host import Host
from tests.lab.booted import booted
from tests.lab.call import call
from tests.lab.engine import engine_disk, engine_image
from tests.lab.image import image
from tests.lab.machine import Machine
from tests.lab.variants import prepare


@pytest.fixture
def make_host(tmp_path: Path) -> Iterator[Any]:
    machines: list[Machine] = []

    def make(
        release: str = "bookworm",
        *,
        user: str = "root",
        spare_disks: tuple[str, ...] = (),
        disk_size: str | None = None,
        data: dict[str, Any] | None = None,
        engine: bool = False,
        cards: int = 0,
        other_address: str = "",
        **variant: Any,
    ) -> Host:
        directory = tmp_path / f"machine{len(machines)}"
        base = engine_image(release) if engine else image(release)
        disk = engine_disk(release) if engine else base.disk
        if kept := None if spare_disks or disk_size or cards or other_address else booted(base, disk):
            machine = Machine(base, directory, backing=kept.disk, memory_of=kept.memory)
        else:
            machine = Machine(
                base, directory, backing=disk, spare_disks=spare_disks, cards=cards, other_address=other_address
            )
        machines.append(machine)
        if disk_size:
            call(["qemu-img", "resize", "-q", str(machine.disk), disk_size])
        machine.start()
        if variant:
            prepare(machine, **variant)
        return Host(machine, user, {"lvm_shrink_to": "2G"} | (data or {}))

    yield make
    for machine in machines:
        machine.crash()
