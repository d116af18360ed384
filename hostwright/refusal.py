"""What a plan says instead of steps."""

from hostwright.shown import shown


class Refusal(Exception):
    """The wish cannot be carried out safely: names the value, and what to do instead."""

    def __init__(self, said: str) -> None:
        super().__init__(shown(said.strip().replace("\n", " ")))


class DidNotTell(Refusal):
    """What a host said is not what it was asked for."""
