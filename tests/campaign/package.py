"""The package under test: the one that pyinfra imports, which `PYTHONPATH` may point elsewhere."""

import hashlib
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.acceptance.host import BIN, ROOT
from tests.lab.call import call

# -P: as for pyinfra, the working directory comes last.
_WHERE = "import sys; sys.path.append('.'); import hostwright; print(hostwright.__path__[0])"
_LOADED = """
import sys
sys.path.append('.')
import hostwright.lvm
print(*sorted(module.__file__ for name, module in sys.modules.items() if name.split('.')[0] == 'hostwright'), sep='\\n')
"""


@cache
def version() -> str:
    """The short git hash of the package's tree as it is on disk: of a clean checkout that of `HEAD:hostwright`."""
    package = Path(_python(_WHERE))
    with tempfile.TemporaryDirectory() as scratch:
        environment = [
            *["env", f"GIT_INDEX_FILE={scratch}/index", f"GIT_OBJECT_DIRECTORY={scratch}"],
            f"GIT_WORK_TREE={package.parent}",
        ]
        git = [*environment, "git", "-C", str(package.parent), f"--git-dir={_git_directory()}", "-c", "core.bare=false"]
        call([*git, "add", "--", "hostwright", ":!*.pyc"])
        return call([*git, "write-tree", "--prefix=hostwright/"]).strip()[:7]


@cache
def bearing() -> str:
    """A short hash of what of the package takes part in moving space: other changes do not make its results stale."""
    modules = [Path(line) for line in _python(_LOADED).splitlines()]
    sources = "".join(module.read_text() for module in modules)
    package = Path(_python(_WHERE))
    scripts = [script for script in sorted(package.rglob("*.sh")) if f'"{script.stem}"' in sources]
    digest = hashlib.sha256()
    for file in [*modules, *scripts]:
        digest.update(f"{file.name} {file.stat().st_size}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:7]


def _python(program: str) -> str:
    command = [str(BIN / "python"), "-P", "-c", program]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _git_directory() -> str:
    return os.path.realpath(call(["git", "-C", str(ROOT), "rev-parse", "--absolute-git-dir"]).strip())
