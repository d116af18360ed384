"""The rooms of the house: who may import whom. Plans think, and do nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostwright.base import scripts

HOUSE = Path(__file__).parents[2] / "hostwright"
# What every procedure stands on; the lock stands below planned, and its operations above.
COMMON = {"base", "net", "lock", "planned"}
# By procedure, the others that it is made of.
MADE_OF = {"mariadb": {"compose"}}
DOING = ("pyinfra", "click", "gevent", "subprocess", "os", "pathlib", "socket")
# By room, what it must know nothing of.
STRANGE = {
    "plan": DOING,
    "backends": DOING,
    "facts": ("hostwright.planned", "hostwright.lock"),
    "verify": ("hostwright.planned", "hostwright.lock"),
}
ACTING = ("transport", "job", "stdin", "observe", "refusing")
FILES = sorted(HOUSE.rglob("*.py"))


def room(path: Path) -> str:
    """`plan`, `facts`, `operations`, ... of a file, however many files it has there."""
    parts = path.relative_to(HOUSE).parts
    return parts[1].removesuffix(".py") if len(parts) > 1 else ""


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{one.name}" for one in node.names)


def name(path: object) -> str:
    return path.relative_to(HOUSE).as_posix() if isinstance(path, Path) else ""


def is_of(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


@pytest.mark.parametrize("path", [path for path in FILES if room(path) in STRANGE], ids=name)
def test_a_room_knows_nothing_of_what_is_not_its_own(path: Path) -> None:
    strange = list(STRANGE[room(path)])
    if room(path) == "plan":
        strange += [f"hostwright.base.{one}" for one in ACTING] + ["hostwright.planned", "hostwright.lock.held"]
        strange += [f"hostwright.{path.relative_to(HOUSE).parts[0]}.operations"]
    assert [name for name in imported(path) if any(is_of(name, one) for one in strange)] == []


@pytest.mark.parametrize("path", [path for path in FILES if path.parent != HOUSE], ids=name)
def test_a_procedure_knows_no_other_one(path: Path) -> None:
    own = path.relative_to(HOUSE).parts[0]
    known = {own, *COMMON, *MADE_OF.get(own, ())} if own not in COMMON else COMMON
    others = {name.split(".")[1] for name in imported(path) if is_of(name, "hostwright")}
    assert others - known == set()


def of(name: str) -> str:
    return scripts.FILES[name].relative_to(HOUSE).parts[0]


@pytest.mark.parametrize("name", sorted(scripts.FILES))
def test_sh_of_a_procedure_needs_none_of_another_one(name: str) -> None:
    known = COMMON | ({of(name), *MADE_OF.get(of(name), ())} - COMMON)
    assert {of(needed) for needed in scripts.resolved([name])} - known == set()


def test_what_sh_for_everybody_is_given_is_not_of_one_procedure() -> None:
    own = {one for name in scripts.FILES if of(name) not in COMMON for one in functions(scripts.read(name).text)}
    assert {"borrow_disk", "point_to"} <= own
    given = {name: set(scripts.read(name).given) & own for name in scripts.FILES if of(name) in COMMON}
    assert {name: names for name, names in given.items() if names} == {}


def functions(text: str) -> list[str]:
    return re.findall(r"^([a-z_]+)\(\)", text, re.MULTILINE)


# A plan parses what the user wrote, and what we ourselves left (as JSON); facts parse the words of tools.
READS = {"lvm/plan/sizes.py"}


@pytest.mark.parametrize("path", sorted((HOUSE / "lvm/plan").glob("*.py")), ids=name)
def test_a_plan_of_lvm_parses_nothing_that_a_tool_said(path: Path) -> None:
    assert name(path) in READS or "re" not in imported(path)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr != "splitlines"
            if node.func.attr in ("split", "rsplit", "partition", "rpartition"):
                # Lists that have one form everywhere: tags and mount options, and the owner of a unit.
                assert [ast.literal_eval(word) for word in node.args[:1]] in ([","], ["/"])


def caught(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler) and node.type:
            several = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            yield from (ast.unparse(one).rpartition(".")[2] for one in several)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_refusal_ends_in_one_place(path: Path) -> None:
    if name(path) != "base/refusing.py":
        assert [kind for kind in caught(path) if kind in ("Refusal", "Refusals", "Exception", "BaseException")] == []


def test_the_place_where_a_refusal_ends_was_looked_at() -> None:
    assert "Refusal" in caught(HOUSE / "base" / "refusing.py")


def test_all_rooms_were_looked_at() -> None:
    assert {room(path) for path in FILES} >= set(STRANGE)
    assert len(FILES) > 100
