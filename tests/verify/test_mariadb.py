"""What `deploys/mariadb.py` leaves behind: a healthy service, whose container has its policy."""

import posixpath

import pytest
from pyinfra.api.host import Host as Target

from hostwright.base.verify import Host
from hostwright.compose.verify import ComposeService
from hostwright.docker.verify import Container
from hostwright.mariadb.settings import Mariadb


@pytest.fixture(scope="session")
def wish(target: Target) -> Mariadb:
    if not target.data.get("mariadb_root_password"):
        pytest.skip(f"{target.name} has no mariadb_root_password")
    values = {name: target.data.get(f"mariadb_{name}") for name in Mariadb.model_fields}
    return Mariadb(**{name: value for name, value in values.items() if value is not None})


def test_the_service_is_healthy(host: Host, wish: Mariadb) -> None:
    assert ComposeService(host, posixpath.basename(wish.project_dir), "mysql").is_healthy


def test_its_container_has_the_policy(host: Host, wish: Mariadb) -> None:
    assert Container(host, wish.container).restart_policy == wish.restart


def test_nobody_else_reads_its_passwords(host: Host, wish: Mariadb) -> None:
    shown = host.check_output(f"stat -c '%a %U' {wish.project_dir}/commands/secret/*")
    assert set(shown.splitlines()) == {"400 root"}
