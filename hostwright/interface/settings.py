"""The data of `deploys/addresses.py`, validated: addresses as people write them, and what they probably meant."""

import json
import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, ip_address, ip_interface
from typing import Annotated, Any, Literal, Self

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from hostwright.base.settings import Settings, nested
from hostwright.interface.backends import BACKENDS
from hostwright.interface.static_address import Static


class AddressSettings(Settings):
    """One address with options, as a mapping instead of `ADDRESS/LENGTH`; see `Static`."""

    address: str = Field(description="The address with its prefix length.", examples=["10.0.0.6/24"])
    peer: str = Field(default="", description="The other end of a point-to-point link.", examples=["10.0.0.7"])
    label: str = Field(default="", description="Its label, with IPv4.", examples=["eth0:1"])
    scope: Literal["global", "site", "link", "host"] = Field(default="global", description="Where it means this host.")
    preferred: Annotated[int, Field(ge=0, lt=2**32 - 1)] | Literal["forever"] = Field(
        default="forever", description="Seconds for which it is used for new connections.", examples=["forever", 0]
    )
    noprefixroute: bool = Field(default=False, description="The kernel makes no route to its network.")
    nodad: bool = Field(default=False, description="It is used without asking whether somebody has it; with IPv6.")

    def static(self) -> Static:
        return Static(
            address=read(self.address),
            peer=str(ip_address(_without_zone(self.peer.partition("/")[0]))) if self.peer else "",
            label=self.label,
            scope=self.scope,
            preferred=None if self.preferred == "forever" else int(self.preferred),
            noprefixroute=self.noprefixroute,
            nodad=self.nodad,
        )


# As people write it; it is read into `Static`.
_ONE = {"anyOf": [{"type": "string"}, AddressSettings.model_json_schema()]}
_AS_WRITTEN = WithJsonSchema({"anyOf": [*_ONE["anyOf"], {"type": "array", "items": _ONE}]})


class InterfaceSettings(Settings):
    """
    + present, absent: addresses with their prefix lengths
    + exact: no other static address stays
    """

    present: Annotated[tuple[Static, ...], _AS_WRITTEN] = Field(
        default=(), description="Addresses that are to be there.", examples=[["10.0.0.6/24"]]
    )
    absent: Annotated[tuple[Static, ...], _AS_WRITTEN] = Field(
        default=(), description="Addresses that are not to be there.", examples=[["10.0.0.7/24"]]
    )
    exact: bool = Field(default=False, description="No other static address stays.")

    @field_validator("present", "absent", mode="before")
    @classmethod
    def _are_addresses(cls, value: object) -> object:
        some = [value] if isinstance(value, (str, dict)) else [] if value is None else value
        if not isinstance(some, (list, tuple)):
            raise ValueError("no list of addresses: as in [10.0.0.6/24]")
        return tuple(_static(one) for one in some)

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        for static in self.absent:
            if any(static.ip == other.ip for other in self.present):
                raise ValueError(f"{static.ip} is wanted both present and absent: say one of them")
        seen = [static.ip for static in self.present]
        if twice := next((ip for ip in seen if seen.count(ip) > 1), None):
            raise ValueError(f"{twice} is named twice: name it once")
        return self


class AddressesSettings(Settings):
    """
    + addresses: what is wanted, by interface
    + backend: where they are kept; found by itself
    + confirm_seconds: how long the host waits for the controller to come back before it undoes what could lock it out
    + allow_self: the address that the controller is connected to may go; it comes back to confirm_address
    """

    prefix = "interface_"

    addresses: dict[str, InterfaceSettings] = Field(
        min_length=1,
        description="What is wanted, by interface.",
        examples=[{"eth0": {"present": ["10.0.0.6/24"]}}],
    )
    backend: str | None = Field(
        default=None,
        description="Where addresses are kept; found by itself.",
        examples=["networkd"],
        json_schema_extra={"enum": [*BACKENDS, None]},
    )
    confirm_seconds: int = Field(
        default=30,
        ge=5,
        le=600,
        description="Seconds after which the host undoes what could lock us out.",
        examples=[30],
    )
    allow_self: bool = Field(default=False, description="The address that we are connected to may go.")
    confirm_address: str | None = Field(
        default=None, description="Where the host is reached after that.", examples=["10.0.0.6"]
    )

    @field_validator("addresses", mode="before")
    @classmethod
    def _is_mapping(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise ValueError('no mapping: as in {"eth0": {"present": ["10.0.0.6/24"]}}') from None
        if not isinstance(value, Mapping):
            return value
        return {str(name): _interface(str(name), wished) for name, wished in value.items()}

    @field_validator("backend")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        if name is not None and name not in BACKENDS:
            raise ValueError(f"it should be one of {', '.join(BACKENDS)}: leave it out, and it is found")
        return name

    @field_validator("confirm_address")
    @classmethod
    def _is_address(cls, text: str | None) -> str | None:
        try:
            return str(ip_address(text)) if text else None
        except ValueError:
            raise ValueError("no address: as in 10.0.0.6, without a prefix length") from None


def _interface(name: str, wished: object) -> InterfaceSettings:
    # The kernel's dev_valid_name, without what no terminal shows.
    size = len(name.encode(errors="replace"))
    if not 0 < size < 16 or name in (".", "..") or re.search(r"[\s/:]", name) or not name.isprintable():
        raise ValueError(f"{name!r} is no name of an interface: 15 bytes at most, without blanks, / and :")
    if not isinstance(wished, Mapping):
        raise ValueError(f"{name}: it takes a mapping with present, absent or exact")
    try:
        return nested(InterfaceSettings, wished)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _static(one: Any) -> Static:
    if isinstance(one, Static):
        return one
    if not isinstance(one, Mapping):
        return checked(Static(read(str(one))))
    return checked(nested(AddressSettings, one).static())


def read(text: str) -> Any:
    """An address with its prefix length; `81:0::000d/64` is `81::d/64`."""
    place, slash, length = _without_zone(text).strip(" ").partition("/")
    try:
        address = ip_address(place)
    except (AddressValueError, ValueError):
        raise ValueError(f"{text!r} is no address: as in 10.0.0.6/24 or fd00::6/64") from None
    usual = 24 if address.version == 4 else 64
    if not slash:
        raise ValueError(f"{text} has no prefix length; {address}/{usual} was probably meant")
    if address.version == 4 and re.fullmatch(r"[0-9]+", length) and int(length) > 32:
        raise ValueError(f"{text}: an IPv4 prefix has 32 bits at most; {address}/{usual} was probably meant")
    try:
        return ip_interface(f"{address}/{length}")
    except ValueError:
        raise ValueError(f"{text}: {length!r} is no prefix length; {address}/{usual} was probably meant") from None


def _without_zone(text: str) -> str:
    if "%" in text:
        raise ValueError(f"{text!r} has a zone; leave out % and what follows it: the interface is named already")
    return text


def checked(static: Static) -> Static:
    """Refuses what no interface can have."""
    address, network = static.ip, static.address.network
    if address.is_multicast:
        raise ValueError(
            f"{static.address} is a multicast address: groups are joined, not given to an interface; leave it out"
        )
    if address.is_unspecified:
        raise ValueError(f"{static.address} means no address at all; leave it out")
    # /31 and /32, /127 and /128 have no address that is the network's own (RFC 3021, RFC 6164).
    if network.max_prefixlen - network.prefixlen > 1:
        if address == network.network_address:
            what = "the subnet-router anycast address" if static.version == 6 else "the address of the network itself"
            raise ValueError(f"{static.address} is {what}; {address + 1}/{network.prefixlen} is the first one in it")
        if isinstance(address, IPv4Address) and address == network.broadcast_address:
            last = f"{address - 1}/{network.prefixlen}"
            raise ValueError(f"{static.address} is the broadcast address of {network}; {last} is the last one in it")
    if static.peer and ip_address(static.peer).version != static.version:
        raise ValueError(f"{static.address} has a peer of the other family: {static.peer}; give it one of its own")
    if static.nodad and static.version == 4:
        raise ValueError(f"{static.address}: nodad is for IPv6; leave it out")
    if static.scope != "global" and static.version == 6:
        raise ValueError(f"{static.address}: the scope of an IPv6 address is in the address itself; leave it out")
    if static.label and static.version == 6:
        raise ValueError(f"{static.address}: a label is for IPv4; leave it out")
    if static.label and not re.fullmatch(r"[!-~]{1,15}", static.label):
        raise ValueError(f"{static.address}: {static.label!r} is no label: 15 bytes of ASCII at most, without blanks")
    return static
