"""The wheel and the sdist; and what a user has of the wheel, who has nothing of the repository."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes
from importlib.metadata import distribution
from pathlib import Path
from textwrap import dedent

import pytest
from packaging.requirements import Requirement

import hostwright

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "hostwright"
PACKAGES = Path(sysconfig.get_path("purelib"))
SOURCES = ("hostwright", "templates", "deploys", "inventories")
PROCEDURES = sorted(path.parent.name for path in HOUSE.glob("*/deployment.py"))
# What facts are asked with, where they need it: of things that no machine has.
ABOUT = {
    "ComposeProject": ["name=none", "directory=/none", "main=", "files=", "secrets=", "diff="],
    "LvmArchives": ["vg=none"],
    "LvmStorage": ["vg=none", "shrink=none"],
    "LvmSurvey": ["mount_point=/none", "device=/dev/none"],
    "OverlayHolders": ["targets=/none"],
    "MariadbAccounts": ["container=none"],
    "MariadbData": ["directory=/none", "container=none", "project=none", "image=none"],
}
# Whoever runs these tests may have the repository in front of what is installed.
ENV = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST_"))}
INVENTORY = """
    data = {
        "docker_restart_policies": {"none": "always"},
        "interface_addresses": {"192.0.2.7/24": "52:54:00:00:00:09"},
        "lvm_shrink_to": "1G",
        "lvm_vg": "none",
        "overlay_mounts": [{"target": "/none/merged", "lower": ["/none/a", "/none/b"]}],
        "mariadb_root_password": "dZ7-uncommon-9Qw",
    }
    hosts = [("@local", data)]
"""


@dataclass
class Environment:
    """A fresh one, with nothing of hostwright but the wheel."""

    path: Path
    cwd: Path

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.path / "bin" / "python", *words], cwd=self.cwd, env=ENV, capture_output=True, text=True, check=False
        )

    def file(self, name: str, text: str) -> str:
        (self.cwd / name).write_text(dedent(text))
        return name


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Building writes beside the sources, and two workers may do it at the same time.
    sources, built = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("built")
    for name in SOURCES:
        shutil.copytree(ROOT / name, sources / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "CHANGELOG.md", "LICENSE", "inventory"):
        shutil.copy(ROOT / name, sources)
    # The wheel is made of the sdist.
    words = ["-m", "build", "--no-isolation", "--outdir", str(built), str(sources)]
    done = subprocess.run([sys.executable, *words], env=ENV, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return built


def entries(requirements: Iterable[str]) -> set[str]:
    """What packages, and all that they need, have in site-packages."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = [Requirement(one) for one in requirements]
    while todo:
        package = distribution(todo.pop().name)
        if package.name not in seen:
            seen.add(package.name)
            found |= {file.parts[0] for file in package.files or ()}
            needed = [Requirement(one) for one in package.requires or ()]
            todo += [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def environment(path: Path, wheel: Path, linked: Iterable[str]) -> Path:
    """What hostwright stands on is linked from this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(path / "bin" / "python")]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], env=ENV, check=True)
    there = path / "dependencies"
    there.mkdir()
    for name in linked:
        if not name.startswith(("__", "..", "hostwright")):
            (there / name).symlink_to(PACKAGES / name)
    [packages] = (path / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{there}\n")
    return path


@pytest.fixture(scope="module")
def whole(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("whole"), *built.glob("*.whl"), [one.name for one in PACKAGES.iterdir()])


@pytest.fixture(scope="module")
def lean(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without the extras; pytest is there for whoever tests something else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    linked = entries([*project["dependencies"], "pytest"])
    return environment(tmp_path_factory.mktemp("lean"), *built.glob("*.whl"), linked)


@pytest.fixture
def user(whole: Path, tmp_path: Path) -> Environment:
    return Environment(whole, tmp_path)


@pytest.fixture
def user_without_extras(lean: Path, tmp_path: Path) -> Environment:
    return Environment(lean, tmp_path)


def files_of_the_package() -> set[str]:
    """As the repository has them; hostwright/templates is a link."""
    found = [path.relative_to(ROOT) for path in HOUSE.rglob("*") if "__pycache__" not in path.parts]
    linked = ["hostwright" / path.relative_to(ROOT) for path in (ROOT / "templates").rglob("*")]
    return {path.as_posix() for path in (*found, *linked) if (ROOT / path).is_file()}


def facts() -> list[str]:
    return sorted(
        f"{'.'.join(path.relative_to(ROOT).with_suffix('').parts)}.{node.name}"
        for path in HOUSE.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).startswith("ScriptFact[") for base in node.bases)
    )


def test_the_wheel_has_each_file_of_the_package(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    expected = files_of_the_package()
    assert {name for name in packed if ".dist-info/" not in name} == expected
    assert {"hostwright/py.typed", "hostwright/templates/mariadb/docker-compose.yml.j2"} < expected
    assert len([name for name in expected if name.endswith(".sh")]) > 40


def test_the_sdist_has_what_a_person_runs_too(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    run = {
        path.relative_to(ROOT).as_posix() for place in ("deploys", "inventories") for path in (ROOT / place).glob("*.*")
    }
    assert (
        files_of_the_package() | run | {"README.md", "CHANGELOG.md", "LICENSE", "inventory", "pyproject.toml"} <= packed
    )


def test_what_the_wheel_says_of_itself(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    place = f"hostwright-{hostwright.__version__}.dist-info"
    said = message_from_bytes(archive.read(f"{place}/METADATA"))
    assert said["Version"] == hostwright.__version__
    assert said["License-Expression"] == "GPL-3.0-or-later"
    assert said["Description-Content-Type"] == "text/markdown"
    assert said.get_payload().startswith("# hostwright\n")
    assert "Typing :: Typed" in said.get_all("Classifier")
    assert said.get_all("Project-URL")
    needed: dict[str, list[str]] = {}
    for one in said.get_all("Requires-Dist"):
        name, _, extra = one.partition("; extra == ")
        needed.setdefault(extra.strip('"'), []).append(re.match(r"[\w-]+", name)[0])
    assert needed == {
        "": ["pyinfra", "jinja2", "pydantic", "pyyaml"],
        "ansible": ["ansible-core"],
        "verify": ["pytest-testinfra"],
    }
    assert "[pytest11]\nhostwright = " in archive.read(f"{place}/entry_points.txt").decode()


def test_templates_and_sh_are_read_from_where_it_is_installed(user: Environment) -> None:
    done = user.python(
        "-c",
        "from hostwright.base.scripts import FILES, script\n"
        "from hostwright.compose.operations import rendered\n"
        "from hostwright.mariadb.operations import TEMPLATES\n"
        "assert script('locks', LOCKS='/none')\n"
        "print(*FILES.values(), *(path for path in TEMPLATES.rglob('*') if path.is_file()), sep='\\n')",
    )
    assert done.returncode == 0, done.stderr
    read = [Path(line) for line in done.stdout.splitlines()]
    [packages] = (user.path / "lib").glob("python*/site-packages")
    expected = {name for name in files_of_the_package() if "/sh/" in name or "/templates/" in name}
    assert {path.relative_to(packages).as_posix() for path in read} == expected


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_each_deploy_ends_in_words(user: Environment, procedure: str) -> None:
    inventory = user.file("hosts.py", INVENTORY)
    done = user.python("-m", "pyinfra", "--dry", inventory, f"hostwright.{procedure}.deploy")
    assert "Traceback" not in done.stdout + done.stderr
    if done.returncode == 0:
        assert "--> Detected changes:" in done.stderr
    else:
        assert "@local: refused, nothing was changed: " in done.stderr
    assert [path.name for path in user.cwd.iterdir()] == [inventory]


def test_each_fact_is_json_or_one_line(user: Environment) -> None:
    asked = [word for fact in facts() for word in (fact, *ABOUT.get(fact.rpartition(".")[2], []))]
    done = user.python("-m", "pyinfra", "--json", "@local", "fact", *asked)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    told = {name.partition(" ")[0]: on["@local"] for name, on in json.loads(done.stdout).items()}
    assert sorted(told) == facts()
    assert told["hostwright.reachability.facts.Reachability"]["addresses"]
    for name in (name for name, value in told.items() if value is None):
        assert len(re.findall(rf"Error: could not (?:load|process) fact: {re.escape(name)} ", done.stderr)) == 1


def test_pytest_looks_at_the_hosts_of_an_inventory(user: Environment) -> None:
    inventory = user.file("hosts.py", INVENTORY)
    user.file(
        "test_mine.py",
        """
        from hostwright.lvm.verify import VolumeGroup
        from hostwright.reachability.facts import Reachability


        def test_host(host, target, observed):
            assert (host.backend.NAME, target.data.lvm_shrink_to) == ("pyinfra", "1G")
            assert host.file("/etc/passwd").exists
            assert observed(Reachability).addresses
        """,
    )
    done = user.python("-m", "pytest", "-q", "--inventory", inventory)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    done = user.python("-m", "pytest", "--inventory", "none.py")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --inventory none.py: no hosts there" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_an_inventory_the_plugin_stays_out_of_the_way(user: Environment) -> None:
    user.file(
        "test_mine.py",
        """
        import sys


        def test_host(host):
            assert host.backend.NAME == "local"
            assert "hostwright.inventory.pytest_plugin" in sys.modules
            assert not {"pyinfra", "pyinfra_cli", "gevent"} & set(sys.modules)
        """,
    )
    done = user.python("-m", "pytest", "-q", "--hosts", "local://")
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_users_mypy_sees_the_types(user: Environment) -> None:
    program = user.file(
        "mine.py",
        """
        from hostwright import lvm

        lvm.rebalance(vg="centos", shrink_to="2G")
        lvm.rebalance(vg=5, shrink_to="2G")
        """,
    )
    done = user.python("-m", "mypy", "--strict", program)
    assert "mine.py:5: error: Argument " in done.stdout, done.stdout + done.stderr
    assert "Found 1 error in 1 file" in done.stdout


def test_only_inventories_need_the_extras(user_without_extras: Environment) -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted(HOUSE.rglob("*.py"))
        if path.name != "__init__.py" and path.parent.name != "inventory"
    ]
    program = [*(f"import {module}" for module in modules), "import sys; assert 'pytest' not in sys.modules"]
    done = user_without_extras.python("-c", "\n".join(program))
    assert (done.returncode, done.stderr) == (0, "")


def test_what_an_inventory_lacks_is_said_in_a_line(user_without_extras: Environment) -> None:
    user = user_without_extras
    inventory = user.file("hosts.py", 'from hostwright.inventory.ansible import read\n\nhosts = read("hosts.yml")\n')
    done = user.python("-m", "pyinfra", "--dry", inventory, "hostwright.lvm.deploy")
    assert done.returncode == 1
    assert "pip install 'hostwright[ansible]'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    done = user.python("-m", "pytest", "--inventory", inventory)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == "ERROR: --inventory needs pytest-testinfra: pip install 'hostwright[verify]'"
