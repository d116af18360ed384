"""What `deploys/lvm.py` does: it moves space from one logical volume to another one."""

from hostwright.lvm.operations.rebalance import rebalance
from hostwright.lvm.settings import Rebalance
from hostwright.planned import told_about


def deploy() -> None:
    if said := told_about(Rebalance, "shrink_to"):
        # What is not said is as the operation has it.
        rebalance(**{key: value for key, value in said.items() if value is not None})
