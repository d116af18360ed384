"""Scripts of LVM, with what a job's header says of names."""

from hostwright.lvm.names import HEADER
from tests import scripts


def script(*names: str, **variables: str) -> str:
    return scripts.script(*names, **(HEADER | variables))
