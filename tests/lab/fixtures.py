"""pytest fixtures; a conftest.py imports the ones its tests use."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.image import Image, image
from tests.lab.machine import Machine

MakeMachine = Callable[..., Machine]


@pytest.fixture(scope="session")
def lab_image() -> Image:
    return image()


@pytest.fixture
def make_machine(lab_image: Image, tmp_path: Path) -> Iterator[MakeMachine]:
    """Makes machines, not yet started, and unplugs them all at the end. Takes what `Machine` takes by keyword."""
    machines: list[Machine] = []

    def make(**options: object) -> Machine:
        machine = Machine(lab_image, tmp_path / f"machine{len(machines)}", **options)  # type: ignore[arg-type]
        machines.append(machine)
        return machine

    yield make
    for machine in machines:
        machine.crash()


@pytest.fixture
def machine(make_machine: MakeMachine) -> Machine:
    """A machine as the image has it, started."""
    machine = make_machine()
    machine.start()
    return machine
