"""Scripts whose header has no more than a test is about."""

from hostwright.base import scripts
from hostwright.base.names import ADDRESSES, LOCK_HEADER
from hostwright.compose.facts import LIST, OVERRIDE
from hostwright.lvm.names import HEADER

NAMES = LOCK_HEADER | HEADER | {"STATE": ADDRESSES, "LIST": LIST, "OVERRIDE": OVERRIDE}


def script(*names: str, **variables: str) -> str:
    """As the package's own, with the names that scripts know, and an empty value for what the header lacks."""
    files = scripts.resolved(names).values()
    empty = {name: "" for file in files for name in file.header if name != "NONCE"}
    return scripts.script(*names, **(empty | NAMES | variables))
