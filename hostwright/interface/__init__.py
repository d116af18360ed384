"""Addresses of interfaces: now, and after a boot; without locking anybody out."""

from hostwright.interface.deployment import deploy
from hostwright.interface.operations import address, addresses, ifconfig

__all__ = ["address", "addresses", "deploy", "ifconfig"]
