"""Asks LVM's archives, where a volume was found that somebody has cut."""

from collections.abc import Mapping
from typing import Any

from hostwright.base.observe import observe
from hostwright.base.refusal import DidNotTell
from hostwright.lvm.facts.archives import Archives, LvmArchives
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.plan.cut import UNTOLD, cut_volumes


def archives_of(storage: Storage, vg: str, arguments: Mapping[str, Any]) -> Archives:
    """What may tell the way back; only a volume that was cut costs this look."""
    group = storage.group(vg)
    if group is None or not cut_volumes(storage, group):
        return UNTOLD
    try:
        return observe(LvmArchives, arguments, vg=vg)
    except DidNotTell:
        return UNTOLD
