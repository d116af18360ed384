"""Moves space between the logical volumes of a host, and keeps every byte."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import FunctionCommand
from pyinfra.api.operation import OperationMeta
from typing_extensions import Unpack

from hostwright.base.arguments import NamedArguments
from hostwright.base.observe import observe
from hostwright.base.refusal import Refusal
from hostwright.base.refusing import named, refusing
from hostwright.base.settings import validated
from hostwright.base.transport import echo
from hostwright.lock.held import wait_seconds
from hostwright.lvm.facts.storage import LvmStorage
from hostwright.lvm.facts.survey import LvmSurvey
from hostwright.lvm.names import DEFAULT_STAGING
from hostwright.lvm.operations.archives import archives_of
from hostwright.lvm.operations.job import carried_out
from hostwright.lvm.plan.picture import as_data, draw
from hostwright.lvm.plan.rebalance import check_wish, decide, examine
from hostwright.lvm.plan.resume import before_all
from hostwright.lvm.plan.steps import Plan
from hostwright.lvm.plan.task import kernel_name
from hostwright.lvm.settings import Rebalance
from hostwright.planned import planned


@named
def rebalance(
    vg: str = "centos",
    shrink: str = "home",
    shrink_to: str | None = None,
    grow: str = "root",
    grow_to: str = "100%FREE",
    staging: str | None = None,
    scratch: str | None = None,
    busy: str = "refuse",
    strategy: str | None = None,
    abandon: bool | str = False,
    trust_copy: bool | str = False,
    plan_json: str | None = None,
    lock_wait: float | str | None = None,
    **arguments: Unpack[NamedArguments],
) -> OperationMeta:
    """
    Shrink one logical volume and give the space to another one, online, whatever file system it carries.

    + vg: name of the volume group
    + shrink: name of the volume that shrinks (XFS, ext4, ext3, ext2, btrfs; or swap)
    + shrink_to: its final size: `50G`, `51200m` (LVM's binary units), `12800 extents`, `40%VG`
    + grow: name of the volume that grows (XFS, ext4, ext3, ext2, btrfs; or swap)
    + grow_to: its final size, or `100%FREE` for all that is left in the end
    + staging: a directory on another file system of the host, for a copy that is mounted in its place meanwhile
    + scratch: a spare disk to borrow, wiped and given back in the end
    + busy: `refuse` when somebody uses what shrinks, or `stop` them: units are started again afterwards
    + strategy: force `beside`, `staging` or `in-place` instead of choosing by what the host has
    + abandon: go back to the state before a run that was lost or is still at work, while that loses nothing
    + trust_copy: end what a lost run began, though its copy cannot be proved to hold what the old volume has
    + plan_json: a file on the controller that gets the plans as JSON, by host
    + lock_wait: seconds to wait for another deploy that has the lock of the host; what the data say, by default

    Refused, before anything is changed on any host: whatever could cost data or cannot converge; see README.
    Sources: lvreduce(8), lvextend(8), xfs_growfs(8), xfs_admin(8), resize2fs(8), btrfs-filesystem(8), rsync(1).

    **Example:**

    .. code:: python

        from hostwright import lvm

        lvm.rebalance(shrink_to="50G")
    """
    values = {key: value for key, value in locals().items() if key in Rebalance.model_fields}
    with refusing():
        wait = wait_seconds(lock_wait)
        wish = validated(Rebalance, values)
        check_wish(wish)

    def drawn(plan: Plan) -> str:
        if wish.plan_json and not host.state.is_executing:
            _write_json(Path(wish.plan_json), host.name, plan)
        return draw(host.name, plan)

    def again() -> Plan:
        new = _plan(wish, {})
        echo(f"\n{draw(host.name, new)}\n")
        return new

    def job(plan: Plan) -> list[FunctionCommand]:
        return carried_out(plan, again, wait)

    wished = "back to what it was" if wish.abandon else f"{shrink} to {shrink_to}, {grow} to {grow_to}"
    return planned(f"Rebalance {vg}: {wished}", lambda given: _plan(wish, given), drawn, job, arguments)


def _plan(wish: Rebalance, arguments: Mapping[str, Any]) -> Plan:
    storage = observe(
        LvmStorage,
        arguments,
        vg=wish.vg,
        shrink=wish.shrink,
        staging=wish.staging or DEFAULT_STAGING,
        scratch=wish.scratch or "",
    )
    if first := before_all(storage, wish.vg, stop=wish.abandon):
        return first
    task = examine(storage, wish, archives_of(storage, wish.vg, arguments))
    survey = None
    if task.needs_survey and task.mount:
        survey = observe(LvmSurvey, arguments, mount_point=task.mount.point, device=kernel_name(storage, task.mount))
    return decide(task, survey)


def _write_json(path: Path, name: str, plan: Plan) -> None:
    _plans[name] = as_data(plan)
    try:
        path.write_text(json.dumps(_plans, indent=2) + "\n")
    except OSError as error:
        why, remedy = f"it cannot be written: {error.strerror}", "name a file that can, on the controller"
        with refusing():
            raise Refusal(why, remedy, key="lvm_plan_json", value=str(path)) from None


_plans: dict[str, dict[str, Any]] = {}
