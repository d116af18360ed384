"""Scripts whose header has no more than a test is about."""

from hostwright.base import scripts


def script(*names: str, **variables: str) -> str:
    """As the package's own, with an empty value for what the header lacks."""
    files = scripts.resolved(names).values()
    empty = {name: "" for file in files for name in file.header if name != "NONCE"}
    return scripts.script(*names, **(empty | variables))
