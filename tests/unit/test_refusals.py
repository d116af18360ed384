"""What is refused: each time with what to do instead, and caught by nobody on its way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "hostwright"
FILES = sorted(path for room in ("interface", "net", "reachability") for path in (HOUSE / room).rglob("*.py"))


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test_a_refusal_says_what_to_do_and_reaches_whoever_runs_it(path: Path) -> None:
    raised = [node for node in nodes(path) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refusal"]
    assert [f"line {node.lineno}" for node in raised if len(node.args) < 2] == []
    caught = [node for node in nodes(path) if isinstance(node, ast.ExceptHandler) and node.type]
    assert [f"line {node.lineno}" for node in caught if node.type and "Refusal" in ast.unparse(node.type)] == []


def test_refusals_were_looked_at() -> None:
    assert sum(path.read_text().count("raise Refusal(") for path in FILES) > 30
