"""MariaDB in a container that runs several commands."""

from hostwright.mariadb.deployment import deploy
from hostwright.mariadb.operations import server

__all__ = ["deploy", "server"]
