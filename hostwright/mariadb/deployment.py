"""What `deploys/mariadb.py` does: it runs MariaDB in a container, with what is run once on its data."""

from pyinfra import host

from hostwright.base.refusing import is_meant
from hostwright.mariadb.operations import server
from hostwright.mariadb.settings import Mariadb


def deploy() -> None:
    if is_meant("mariadb_", Mariadb.model_fields, "root_password"):
        server({name: host.data.get(f"mariadb_{name}") for name in Mariadb.model_fields})
