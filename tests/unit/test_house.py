"""The rooms of the house: who may import whom. Plans think, and do nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "hostwright"
# By room, what it must know nothing of.
STRANGE = {
    "plans": ("pyinfra", "click", "gevent", "subprocess", "os", "pathlib", "socket", "hostwright.operations"),
    "facts": ("hostwright.plans", "hostwright.operations", "hostwright.planned"),
    "verify": ("hostwright.operations", "hostwright.planned"),
}
ACTING = ("hostwright.transport", "hostwright.job", "hostwright.planned")
ROOMS = [(room, path) for room in STRANGE for path in sorted((HOUSE / room).rglob("*.py"))]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{one.name}" for one in node.names)


@pytest.mark.parametrize(("room", "path"), ROOMS, ids=lambda one: one.stem if isinstance(one, Path) else "")
def test_a_room_knows_nothing_of_what_is_not_its_own(room: str, path: Path) -> None:
    strange = STRANGE[room] + (ACTING if room == "plans" else ())
    found = [name for name in imported(path) if any(f"{name}.".startswith(f"{one}.") for one in strange)]
    assert found == []


def test_each_room_was_looked_at() -> None:
    assert {room for room, _ in ROOMS} == set(STRANGE)
    assert len(ROOMS) > 50
