"""What is refused: each time with what to do instead. That nobody catches it on its way, test_house.py sees to."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "hostwright"
FILES = sorted(HOUSE.rglob("*.py"))


def without_remedy(text: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refusal":
            # `*` hands over both, why and what to do.
            both = len(node.args) > 1 or any(isinstance(one, ast.Starred) for one in node.args)
            if not both or ast.unparse(node.args[-1]) == "''":
                yield node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test_a_refusal_says_what_to_do(path: Path) -> None:
    assert [f"line {number}" for number in without_remedy(path.read_text())] == []


def test_refusals_were_looked_at() -> None:
    assert sum(path.read_text().count("Refusal(") for path in FILES) > 150
    assert list(without_remedy("Refusal(why, key=key)\nRefusal(why, '')\nRefusal(*both)\nRefusal(why, what)")) == [1, 2]
