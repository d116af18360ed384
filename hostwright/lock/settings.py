"""The data that concern the host lock: how long every deploy waits for it, and what `deploys/lock.py` is told."""

import re

from pydantic import Field, field_validator
from typing_extensions import override

from hostwright.base.settings import Settings

DEPLOY = "deploy"
WAIT_SECONDS = 60
LEASE_SECONDS = 30
LONGEST_SECONDS = 7 * 24 * 3600
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_OWNER = re.compile(r"[^\s/]+(/[^\s/]+)*")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def lock_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("no name for a lock: letters, digits and _ . - only, 100 at most")
    return name


def lock_owner(owner: str | None) -> str | None:
    if owner is not None and not (owner.isprintable() and _OWNER.fullmatch(owner)):
        raise ValueError("no name for who takes a lock: printable and without blanks, as in alice@laptop/nightly")
    return owner


def seconds(value: object) -> float:
    """From the command line it comes as a string."""
    text = "" if isinstance(value, bool) else str(value)
    number = float(text) if _SECONDS.fullmatch(text) else -1.0
    if not 0 <= number <= LONGEST_SECONDS:
        raise ValueError(f"no number of seconds: write one from 0 on, {LONGEST_SECONDS} (a week) at most")
    return number


class LockSettings(Settings):
    prefix = "lock_"

    wait: float = Field(
        default=WAIT_SECONDS,
        description="Seconds to wait for another deploy that has the lock of the host.",
        examples=[60],
    )
    name: str = Field(default=DEPLOY, description="The lock that `deploys/lock.py` breaks.", examples=[DEPLOY])
    break_owner: str | None = Field(
        default=None,
        description="Who holds it, as it is shown, if it is to be broken.",
        examples=["alice@laptop/896d81d3"],
    )

    @override
    @classmethod
    def key(cls, field: str) -> str:
        return super().key({"break_owner": "break"}.get(field, field))

    _is_seconds = field_validator("wait", mode="before")(seconds)
    _is_name = field_validator("name")(lock_name)
    _is_owner = field_validator("break_owner")(lock_owner)


class Holding(Settings):
    """What operations that take, give back and break locks are told."""

    name: str = DEPLOY
    owner: str | None = None
    lease: int = LEASE_SECONDS
    wait: float = WAIT_SECONDS

    _is_seconds = field_validator("wait", mode="before")(seconds)
    _is_name = field_validator("name")(lock_name)
    _is_owner = field_validator("owner")(lock_owner)

    @field_validator("lease")
    @classmethod
    def _is_long_enough(cls, seconds: int) -> int:
        if seconds < 4:
            raise ValueError("too short for a lock, which is renewed four times in it: 4 seconds at least")
        return seconds
