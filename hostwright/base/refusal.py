"""What a plan says instead of steps."""

import re
from collections.abc import Iterable

from hostwright.base.shown import shown

_UNSAID = object()
# What a person may be shown of a value, and of a word without blanks, which no path is as long as.
_LONGEST = 200
_ENDLESS = re.compile(r"\S{1000,}")


class Refusal(Exception):
    """The wish cannot be carried out safely, and what to do instead."""

    def __init__(self, why: str, remedy: str = "", *, key: str = "", value: object = _UNSAID) -> None:
        """
        + why: what stands against it
        + remedy: what to do instead, which works as it is written
        + key: of the data, or the argument, that asks for it; nothing where it is the host that must change
        + value: what is asked for; nothing where it is not to be shown
        """
        self.why, self.remedy, self.key = why, remedy, key
        self.value = "" if value is _UNSAID else _brief(repr(value))
        asked = f"{key} = {self.value}" if self.value else "" if why.startswith(f"{key} ") else key
        text = ": ".join(part for part in (asked, why, remedy) if part)
        text = _ENDLESS.sub(lambda word: _brief(word[0]), text.strip().replace("\n", " "))
        super().__init__(shown(text))

    def as_data(self) -> dict[str, str]:
        """
        value: as it is shown, or nothing where it may be secret
        """
        return {name: shown(getattr(self, name)) for name in ("key", "value", "why", "remedy")}

    @property
    def each(self) -> "tuple[Refusal, ...]":
        return (self,)


def _brief(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}...{text[-_LONGEST // 4 :]}"


def parted(said: str) -> tuple[str, str]:
    """The words of a ValueError, as a refusal takes them: what is wrong, a colon, and what to write instead."""
    why, _, remedy = said.partition(": ")
    return why, remedy


class Refusals(Refusal):
    """Several things that stand against it, all of them."""

    def __init__(self, several: Iterable[Refusal]) -> None:
        self._several = tuple({str(one): one for one in several}.values())
        super().__init__("; ".join(map(str, self._several)))

    @property
    def each(self) -> tuple[Refusal, ...]:
        return self._several


class DidNotTell(Refusal):
    """What a host said is not what it was asked for."""
