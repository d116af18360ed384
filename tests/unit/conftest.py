from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.mounts import Host


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    for other in reversed(made.others):
        other.kill()
        other.wait()
