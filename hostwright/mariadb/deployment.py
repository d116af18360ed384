"""What `deploys/mariadb.py` does: it runs MariaDB in a container, with what is run once on its data."""

from hostwright.mariadb.operations import server
from hostwright.mariadb.settings import Mariadb
from hostwright.planned import told_about


def deploy() -> None:
    if said := told_about(Mariadb, "root_password"):
        server(said)
