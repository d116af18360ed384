"""The data of `deploys/reachability.py`, validated."""

import json
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

from pydantic import Field, WithJsonSchema, field_validator

from hostwright.base.bounds import file_here
from hostwright.base.settings import Settings
from hostwright.net.listeners import Listener
from hostwright.net.special_purpose import Reach, purpose

# As people write it; it is read into `Allowed`.
_AS_WRITTEN = WithJsonSchema({"type": ["array", "string", "null"], "items": {"type": "string"}})
_PORTS = re.compile(r"(?P<protocol>tcp|udp)/(?P<first>[0-9]+)(-(?P<last>[0-9]+))?")


@dataclass(frozen=True)
class Allowed:
    """
    + first, last: port numbers
    """

    protocol: str
    first: int
    last: int

    def covers(self, listener: Listener) -> bool:
        return self.protocol == listener.protocol and self.first <= listener.port <= self.last


class ReachabilitySettings(Settings):
    """
    + allow: `tcp/22` or `udp/60000-61000`, what may be open to the Internet; nothing: nobody is told off
    + public: addresses of the host, with the public one that 1:1 NAT gives each
    + json_file: a file on the controller to write the same to
    """

    prefix = "reachability_"

    allow: Annotated[tuple[Allowed, ...] | None, _AS_WRITTEN] = Field(
        default=None, description="What may be open to the Internet.", examples=[["tcp/22", "udp/60000-61000"]]
    )
    public: dict[str, str] = Field(
        default_factory=dict,
        description="Addresses of the host, with the public one that 1:1 NAT gives each.",
        examples=[{"10.0.0.5": "192.88.98.1"}],
    )
    json_file: str | None = Field(
        default=None,
        description="A file on the controller that gets the report as JSON.",
        examples=["reachability.json"],
    )

    @field_validator("allow", mode="before")
    @classmethod
    def _are_ports(cls, value: object) -> object:
        if value is None:
            return None
        texts = value.strip("[] ").replace(",", " ").split() if isinstance(value, str) else value
        if not isinstance(texts, (list, tuple)):
            raise ValueError("no list of ports: as in [tcp/22, udp/60000-61000]")
        return tuple(_ports(text) for text in texts)

    @field_validator("public", mode="before")
    @classmethod
    def _is_mapping(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                return json.loads(value)
            except ValueError:
                raise ValueError('no mapping: as in {"10.0.0.5": "192.88.98.1"}') from None
        return {} if value is None else value

    @field_validator("public")
    @classmethod
    def _are_addresses(cls, public: dict[str, str]) -> dict[str, str]:
        for inside, outside in public.items():
            for text in (inside, outside):
                _check_address(text)
            if purpose(outside).reach is not Reach.INTERNET:
                what = purpose(outside).name
                raise ValueError(f"{outside} is no address of the Internet ({what}); name the public one of {inside}")
        return public

    @field_validator("json_file", mode="before")
    @classmethod
    def _is_file(cls, path: object) -> str | None:
        return file_here(path) if path else None


def _check_address(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no address: as in 10.0.0.5, without a prefix length") from None


def _ports(text: object) -> Allowed:
    found = _PORTS.fullmatch(str(text))
    if not found or not 0 < int(found["first"]) <= int(found["last"] or found["first"]) < 65536:
        raise ValueError(f"{text!r} is no port: as in tcp/22 or udp/60000-61000")
    return Allowed(found["protocol"], int(found["first"]), int(found["last"] or found["first"]))
