"""The package under test: the one that pyinfra imports, which `PYTHONPATH` may point elsewhere."""

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.acceptance.host import BIN, ROOT
from tests.lab.call import call

# -P: as for pyinfra, the working directory comes last.
_WHERE = "import sys; sys.path.append('.'); import hostwright; print(hostwright.__path__[0])"


@cache
def version() -> str:
    """The short git hash of the package's tree as it is on disk: of a clean checkout that of `HEAD:hostwright`."""
    found = subprocess.run(
        [str(BIN / "python"), "-P", "-c", _WHERE], cwd=ROOT, check=True, capture_output=True, text=True
    )
    package = Path(found.stdout.strip())
    with tempfile.TemporaryDirectory() as scratch:
        environment = [
            *["env", f"GIT_INDEX_FILE={scratch}/index", f"GIT_OBJECT_DIRECTORY={scratch}"],
            f"GIT_WORK_TREE={package.parent}",
        ]
        git = [*environment, "git", "-C", str(package.parent), f"--git-dir={_git_directory()}", "-c", "core.bare=false"]
        call([*git, "add", "--", "hostwright", ":!*.pyc"])
        return call([*git, "write-tree", "--prefix=hostwright/"]).strip()[:7]


def _git_directory() -> str:
    return os.path.realpath(call(["git", "-C", str(ROOT), "rev-parse", "--absolute-git-dir"]).strip())
