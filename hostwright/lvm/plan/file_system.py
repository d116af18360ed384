"""What must be known of a file system that is to move or to grow, whatever its kind."""

from collections.abc import Mapping

from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.survey import Survey
from hostwright.lvm.file_systems import kind_of
from hostwright.lvm.file_systems.kind import MIB


def lags(system: FileSystem, volume_bytes: int, extent_size: int) -> bool:
    """Whether it leaves an extent or more of its volume unused; the tail that it cannot use is smaller than 4 MiB."""
    return bool(system.spans) and volume_bytes - system.spans >= max(extent_size, 4 * MIB)


def files_bytes(survey: Survey) -> int:
    """What the files take as separate copies: reflinked blocks count each time."""
    return survey.allocated + survey.inodes * 512


def least_bytes(system: FileSystem, survey: Survey) -> int:
    """The smallest size that holds the files and what the file system itself needs."""
    return kind_of(system.kind).least_bytes(files_bytes(survey))


def peculiarity(system: FileSystem, survey: Survey, host: Mapping[str, str], *, copied: bool) -> str:
    """Why this file system cannot be moved (`copied`) or resized as it is; empty when it can."""
    if odd := kind_of(system.kind).peculiarity(system.said, host, copied=copied):
        return odd
    if survey.encrypted and copied:
        return f"{survey.encrypted} entries are encrypted with fscrypt: a copy without the key loses them"
    if survey.verity and copied:
        return f"{survey.verity} files are sealed with fs-verity: a copy loses the seal"
    if survey.kernel_errors:
        said = survey.kernel_errors[-1].strip()
        return (
            f"the kernel has reported errors on it ({said}): check it, unmounted, and let the kernel forget (dmesg -C)"
        )
    return ""
