"""Asks LVM's archives, where a volume was found that somebody has cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hostwright.facts.archives import Archives, LvmArchives
from hostwright.facts.observe import observe
from hostwright.plans.cut import CutVolume, with_remedy


@contextmanager
def saying_the_way_back(arguments: dict[str, Any]) -> Iterator[None]:
    """Only the refusal of a cut volume costs this look."""
    try:
        yield
    except CutVolume as cut:
        archives = observe(LvmArchives, arguments, vg=cut.group.name)
        raise with_remedy(cut, archives or Archives()) from None
