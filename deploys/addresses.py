"""Give interfaces their addresses, and keep them across boots: `pyinfra inventory deploys/addresses.py`."""

from pyinfra import host

from hostwright.operations import interface, lock
from hostwright.planned import is_meant
from hostwright.settings_addresses import AddressesSettings

if is_meant("interface_", AddressesSettings.model_fields, "addresses"):
    with lock.held(doing="changing addresses", wait=lock.seconds("lock_wait", host.data.get("lock_wait", 60))):
        interface.addresses({name: host.data.get(f"interface_{name}") for name in AddressesSettings.model_fields})
