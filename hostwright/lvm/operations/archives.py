"""Asks LVM's archives, where a volume was found that somebody has cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hostwright.base.observe import observe
from hostwright.base.refusal import DidNotTell
from hostwright.lvm.facts.archives import Archives, LvmArchives
from hostwright.lvm.plan.cut import CutVolume, with_remedy


@contextmanager
def saying_the_way_back(arguments: dict[str, Any]) -> Iterator[None]:
    """Only the refusal of a cut volume costs this look."""
    try:
        yield
    except CutVolume as cut:
        try:
            archives = observe(LvmArchives, arguments, vg=cut.group.name)
        except DidNotTell:
            archives = Archives()
        raise with_remedy(cut, archives) from None
