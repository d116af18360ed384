"""What a plan is made of."""

from dataclasses import dataclass, field
from typing import ClassVar

from hostwright.base.verbs import Verb
from hostwright.lvm.facts.blocks import Blocks


@dataclass(frozen=True)
class Step(Verb):
    """A verb that changes volumes (verbs.py, moves.py)."""

    lasts: ClassVar[bool] = False
    """of a plan that moves space, it is more than the way to the layout that the plan tells"""

    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        """The host after it; a step whose effect nobody wrote down leads to no host that could be planned for."""
        raise NotImplementedError(f"{self.sh}: what {vg} is like after it is not known")


@dataclass(frozen=True)
class Layout:
    """A volume group at a glance: extents by volume, in the order a person thinks of them; what is left is free."""

    extents: int
    extent_size: int
    volumes: tuple[tuple[str, int], ...]

    @property
    def free(self) -> int:
        return self.extents - sum(extents for _, extents in self.volumes)


@dataclass(frozen=True)
class Plan:
    """Steps from what is to what is wanted; none of them means that nothing must change.

    + method: how the space is freed (`beside`, `staging`, `in-place`, or nothing), and `reason` why this one
    + notes: what cannot survive, what will be stopped, what to know
    + read_only, away: seconds that the source is expected to be read-only, and not there at all
    + variables: what the steps' functions are told
    + follow: the id of a job that is still at work on the host, instead of steps; with `stop` it is ended first
    + again: once it is carried out, what the host is like then decides what follows
    """

    group: str
    before: Layout
    after: Layout
    steps: tuple[Step, ...] = ()
    method: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()
    read_only: int = 0
    away: int = 0
    variables: tuple[tuple[str, str], ...] = field(default=())
    follow: str = ""
    stop: bool = False
    again: bool = False

    @property
    def changes(self) -> bool:
        return bool(self.steps or self.follow)
