"""What `deploys/addresses.py` does: it gives interfaces their addresses, and keeps them across boots."""

from pyinfra import host

from hostwright.base.refusing import is_meant
from hostwright.interface.operations import addresses
from hostwright.interface.settings import AddressesSettings


def deploy() -> None:
    if is_meant("interface_", AddressesSettings.model_fields, "addresses"):
        addresses({name: host.data.get(f"interface_{name}") for name in AddressesSettings.model_fields})
