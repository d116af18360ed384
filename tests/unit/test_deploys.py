"""What a person runs: two lines each, that call the procedure's own deploy, by file or by name."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

DEPLOYS = sorted((Path(__file__).parents[2] / "deploys").glob("*.py"))


def test_there_are_some() -> None:
    assert len(DEPLOYS) >= 6


@pytest.mark.parametrize("path", DEPLOYS, ids=lambda path: path.stem)
def test_a_deploy_calls_its_procedure(path: Path) -> None:
    said, taken, called = ast.parse(path.read_text()).body
    assert f"`pyinfra inventory deploys/{path.name}`" in ast.unparse(said)
    assert isinstance(taken, ast.ImportFrom)
    assert (taken.module, len(taken.names)) == ("hostwright", 1)
    procedure = taken.names[0].name
    assert ast.unparse(called) == f"{procedure}.deploy()"
    assert "deploy" in import_module(f"hostwright.{procedure}").__all__


def test_where_only_the_package_is_there_it_is_run_by_its_name(tmp_path: Path) -> None:
    words = [str(Path(sys.executable).with_name("pyinfra")), "-y", "@local", "hostwright.lvm.deploy"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "@local: refused, nothing was changed: lvm_shrink_to is not set" in done.stderr
    assert "Traceback" not in done.stderr
