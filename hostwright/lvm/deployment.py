"""What `deploys/lvm.py` does: it moves space from one logical volume to another one."""

from pyinfra import host

from hostwright.base.refusing import is_meant
from hostwright.lvm.operations.rebalance import rebalance
from hostwright.lvm.settings import Rebalance

_KEYS = (*Rebalance.model_fields, "plan_json")


def deploy() -> None:
    if is_meant("lvm_", _KEYS, "shrink_to"):
        # What is not said is as the operation has it.
        said = {key: host.data.get(f"lvm_{key}") for key in _KEYS}
        rebalance(**{key: value for key, value in said.items() if value is not None})
