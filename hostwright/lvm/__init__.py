"""Physical volumes, volume groups and logical volumes, and space that moves between them."""

from hostwright.lvm.deployment import deploy
from hostwright.lvm.operations.blocks import logical_volume, physical_volume, volume_group
from hostwright.lvm.operations.rebalance import rebalance

__all__ = ["deploy", "logical_volume", "physical_volume", "rebalance", "volume_group"]
