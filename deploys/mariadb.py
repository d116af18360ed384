"""Run MariaDB in a container, with what is run once on its data: `pyinfra inventory deploys/mariadb.py`."""

from hostwright import mariadb

mariadb.deploy()
