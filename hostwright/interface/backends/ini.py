"""Files of sections and `Key=value` lines, as systemd has them, edited line by line: whatever else is in them stays."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """
    + line: number of its line in the file
    """

    key: str
    value: str
    line: int


@dataclass(frozen=True)
class Section:
    """
    + first, last: numbers of its lines in the file, with the one that names it, and comments and blank lines after it
    """

    name: str
    entries: tuple[Entry, ...]
    first: int
    last: int

    def get(self, key: str) -> str:
        """The last one counts."""
        return next((entry.value for entry in reversed(self.entries) if entry.key.lower() == key.lower()), "")


def parse(text: str) -> list[Section]:
    found: list[Section] = []
    for number, line in enumerate(text.splitlines()):
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            found.append(Section(stripped[1:-1], (), number, number))
        elif found:
            here = found[-1]
            key, equals, value = stripped.partition("=")
            is_entry = equals and not stripped.startswith(("#", ";"))
            entries = (*here.entries, Entry(key.strip(), value.strip(), number)) if is_entry else here.entries
            found[-1] = Section(here.name, entries, here.first, number)
    return found


def without(text: str, lines: Sequence[int]) -> str:
    gone = set(lines)
    return "".join(line for number, line in enumerate(text.splitlines(keepends=True)) if number not in gone)
