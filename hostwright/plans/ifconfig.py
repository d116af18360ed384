"""ifconfig's command lines, understood as what they do today: ifconfig(8) of net-tools."""

from dataclasses import dataclass

from hostwright.refusal import Refusal

_ADD, _DELETE = ("add", "alias"), ("del", "delete", "-alias", "remove")


@dataclass(frozen=True)
class Understood:
    interface: str
    address: str
    present: bool

    @property
    def words(self) -> str:
        verb = "add" if self.present else "del"
        return (
            f"ip address {verb} {self.address} dev {self.interface}, and the same for the time after a boot: ifconfig "
            "is obsolete, and what it does is gone then"
        )


def understand(line: str) -> Understood:
    """
    + line: as it is typed, with `ifconfig` in front or not: `enp9s0f1 inet6 add 81::d/64`
    """
    words = line.split()
    words = words[1:] if words[:1] == ["ifconfig"] else words
    if len(words) < 2:
        raise Refusal(f"{line!r}: an interface, add or delete, and an address: enp9s0f1 add 10.0.0.6/24")
    interface, *rest = words
    family = rest.pop(0) if rest[0] in ("inet", "inet6") else ""
    present = True
    if rest and rest[0] in (*_ADD, *_DELETE):
        present = rest.pop(0) in _ADD
    elif rest and not rest[0][0].isdigit() and ":" not in rest[0]:
        raise Refusal(f"{line!r}: {rest[0]} is not understood here; add and delete of an address are")
    if not rest:
        raise Refusal(f"{line!r}: which address?")
    address = rest.pop(0)
    if rest[:1] in (["netmask"], ["prefixlen"]) and len(rest) > 1 and "/" not in address:
        address, rest = f"{address}/{rest[1]}", rest[2:]
    if rest:
        raise Refusal(f"{line!r}: {' '.join(rest)} is not understood here; add and delete of an address are")
    if family and (family == "inet6") != (":" in address):
        raise Refusal(f"{line!r}: {address} is no address of {family}")
    return Understood(interface, address, present)
