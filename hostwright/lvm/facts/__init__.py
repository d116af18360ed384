"""What a host's disks, groups, volumes and file systems are like."""

from hostwright.lvm.facts.archives import LvmArchives as Archives
from hostwright.lvm.facts.blocks import LvmBlocks as Blocks
from hostwright.lvm.facts.storage import LvmStorage as Storage
from hostwright.lvm.facts.survey import LvmSurvey as Survey

__all__ = ["Archives", "Blocks", "Storage", "Survey"]
