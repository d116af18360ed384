"""Physical volumes, volume groups and logical volumes, and space that moves between them."""

from hostwright.operations.lvm.blocks import logical_volume, physical_volume, volume_group
from hostwright.operations.lvm.rebalance import rebalance

__all__ = ["logical_volume", "physical_volume", "rebalance", "volume_group"]
