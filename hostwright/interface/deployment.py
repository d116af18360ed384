"""What `deploys/addresses.py` does: it gives interfaces their addresses, and keeps them across boots."""

from hostwright.interface.operations import addresses
from hostwright.interface.settings import AddressesSettings
from hostwright.planned import told_about


def deploy() -> None:
    if said := told_about(AddressesSettings, "addresses"):
        addresses(said)
