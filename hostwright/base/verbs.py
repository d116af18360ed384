"""What a job on a host is made of: verbs, each a function of its script."""

from dataclasses import dataclass, fields
from typing import ClassVar


@dataclass(frozen=True)
class Verb:
    """One line for people, and the function of the host's script that does it.

    Each function has a class of its own, whose fields are its words in their order. The function's header says the
    same, as `# verb: extend_volume VOLUME EXTENTS [STRIPES]`: a word in brackets may be empty.
    """

    title: str
    sh: ClassVar[str]

    @property
    def call(self) -> tuple[str, ...]:
        words = [self.sh]
        for one in fields(self)[1:]:
            value = getattr(self, one.name)
            words += value if isinstance(value, tuple) else ["" if value is None else str(value)]
        return tuple(words)
