"""Scripts of LVM, with what a job's header says of names."""

from hostwright.base import scripts
from hostwright.lvm.names import HEADER


def script(*names: str, **variables: str) -> str:
    return scripts.script(*names, **(HEADER | variables))
