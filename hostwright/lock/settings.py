"""The data that concern the host lock: how long every deploy waits for it, and what `deploys/lock.py` is told."""

import math
import re

from pydantic import Field, field_validator
from typing_extensions import override

from hostwright.base.settings import Settings

DEPLOY = "deploy"
WAIT_SECONDS = 60
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
OWNER = re.compile(r"[^\s/]+(/[^\s/]+)*")
_YEAR = 365 * 24 * 60 * 60


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

    @field_validator("wait", mode="before")
    @classmethod
    def _is_seconds(cls, value: object) -> float:
        """From the command line it comes as a string."""
        try:
            number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        if not 0 <= number < math.inf:
            raise ValueError("no number of seconds: write one from 0 on")
        if number > _YEAR:
            raise ValueError(f"more than a year: write {_YEAR} at most")
        return number

    @field_validator("name")
    @classmethod
    def _is_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("no name for a lock: letters, digits and _ . - only")
        return name

    @field_validator("break_owner")
    @classmethod
    def _is_owner(cls, owner: str | None) -> str | None:
        if owner is not None and (not OWNER.fullmatch(owner) or not owner.isprintable()):
            raise ValueError("no name for who takes a lock: printable and without blanks, as in alice@laptop/nightly")
        return owner
