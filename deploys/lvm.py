"""Move disk space from one logical volume to another one: `pyinfra inventory deploys/lvm.py`."""

from pyinfra import host

from hostwright.operations import lvm
from hostwright.planned import is_meant
from hostwright.settings import Rebalance

if is_meant("lvm_", [*Rebalance.model_fields, "plan_json"], "shrink_to"):
    lvm.rebalance(
        vg=host.data.get("lvm_vg", "centos"),
        shrink=host.data.get("lvm_shrink", "home"),
        shrink_to=host.data.get("lvm_shrink_to"),
        grow=host.data.get("lvm_grow", "root"),
        grow_to=host.data.get("lvm_grow_to", "100%FREE"),
        staging=host.data.get("lvm_staging"),
        scratch=host.data.get("lvm_scratch"),
        busy=host.data.get("lvm_busy", "refuse"),
        strategy=host.data.get("lvm_strategy"),
        abandon=host.data.get("lvm_abandon", "no"),
        trust_copy=host.data.get("lvm_trust_copy", "no"),
        plan_json=host.data.get("lvm_plan_json"),
        lock_wait=host.data.get("lock_wait", 60),
    )
