"""Move disk space from one logical volume to another one: `pyinfra inventory deploys/lvm.py`."""

from hostwright import lvm

lvm.deploy()
