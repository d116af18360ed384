"""What must be known of a file system that is to move or to grow, whatever its kind."""

from collections.abc import Mapping

from hostwright.base.refusal import Refusal
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


def check_peculiar(name: str, system: FileSystem, survey: Survey, host: Mapping[str, str], *, copied: bool) -> None:
    """Refuses a file system that cannot be moved (`copied`) or resized as it is.

    + name: of its volume
    """
    if odd := kind_of(system.kind).peculiarity(system.said, host, copied=copied):
        raise Refusal(f"{name}: {odd[0]}", odd[1])
    away = "move them elsewhere first"
    if survey.encrypted and copied:
        raise Refusal(f"{name}: a copy without the key loses {survey.encrypted} entries, encrypted with fscrypt", away)
    if survey.verity and copied:
        raise Refusal(f"{name}: a copy loses the seal of {survey.verity} files, sealed with fs-verity", away)
    if survey.kernel_errors:
        said = survey.kernel_errors[-1].strip()
        why = f"{name}: the kernel has reported errors on it ({said})"
        raise Refusal(why, "check it, unmounted, and let the kernel forget (dmesg -C)")
