"""Run MariaDB in a container, with what is run once on its data: `pyinfra inventory deploys/mariadb.py`."""

from pyinfra import host

from hostwright.operations import lock, mariadb
from hostwright.planned import is_meant
from hostwright.settings_mariadb import Mariadb

if is_meant("mariadb_", Mariadb.model_fields, "root_password"):
    with lock.held(doing="setting up MariaDB", wait=lock.seconds("lock_wait", host.data.get("lock_wait", 60))):
        mariadb.server({name: host.data.get(f"mariadb_{name}") for name in Mariadb.model_fields})
