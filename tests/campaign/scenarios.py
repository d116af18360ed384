"""The deploys that campaigns record: which kind of host, and which data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Scenario:
    """
    + variant: what `tests.lab.variants.prepare` makes of the host
    + way: the way of freeing space that the plan must choose
    + scratch: the size in bytes of a second partition, /dev/vda2, to be lent; the volume group is then in the first one
    + staging: where an ext4 file system in that partition is mounted, to stage on instead
    """

    name: str
    variant: Mapping[str, Any]
    way: str
    scratch: int = 0
    staging: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("staging-xfs", {"home_fs": "xfs"}, "staging"),
        Scenario("staging-ext4", {"home_fs": "ext4", "mount_by": "LABEL"}, "staging"),
        Scenario("beside-xfs", {"home_fs": "xfs", "free": "2500M", "mount_by": "UUID"}, "beside"),
        Scenario("beside-ext4", {"home_fs": "ext4", "free": "2500M"}, "beside"),
        Scenario("in-place-btrfs", {"home_fs": "btrfs", "mount_by": "UUID"}, "in-place"),
        Scenario(
            "scratch-xfs",
            {"home_fs": "xfs"},
            "beside",
            scratch=1024**3,
            data={"lvm_scratch": "/dev/vda2", "lvm_shrink_to": "700M"},
        ),
    )
}

# Only for `full`: what flushes and cuts look for lies on root.
STAGED_APART = Scenario(
    "staging-apart-xfs",
    {"home_fs": "xfs"},
    "staging",
    scratch=1024**3,
    staging="/srv/stage",
    data={"lvm_staging": "/srv/stage"},
)
