"""ifconfig's command lines, understood as what they do today: ifconfig(8) of net-tools."""

from dataclasses import dataclass
from ipaddress import IPv4Interface

from hostwright.base.refusal import Refusal

_ADD, _DELETE = ("add", "alias"), ("del", "delete", "-alias", "remove")


@dataclass(frozen=True)
class Understood:
    interface: str
    address: str
    present: bool
    label: str = ""

    @property
    def settings(self) -> str | dict[str, str]:
        """The address as `interface.address` takes it."""
        return {"address": self.address, "label": self.label} if self.label else self.address

    @property
    def words(self) -> str:
        verb = "add" if self.present else "del"
        label = f" label {self.label}" if self.label else ""
        return (
            f"ip address {verb} {self.address} dev {self.interface}{label}, and the same for the time after a boot: "
            "ifconfig is obsolete, and what it does is gone then"
        )


def understand(line: str) -> Understood:
    """What `understood` has, or a refusal."""
    try:
        return understood(line)
    except ValueError as error:
        raise Refusal(str(error), "write it as enp9s0f1 add 10.0.0.6/24, say", key="line", value=line) from None


def understood(line: str) -> Understood:
    """
    + line: as it is typed, with `ifconfig` in front or not: `enp9s0f1 inet6 add 81::d/64`
    """
    words = line.split()
    words = words[1:] if words[:1] == ["ifconfig"] else words
    if len(words) < 2:
        raise ValueError("an interface, add or delete, and an address are needed")
    interface, *rest = words
    # An alias is a label today: eth0:1 is on eth0.
    name, _, alias = interface.partition(":")
    family = rest.pop(0) if rest[0] in ("inet", "inet6") else ""
    present = True
    if rest and rest[0] in (*_ADD, *_DELETE):
        present = rest.pop(0) in _ADD
    elif rest and not rest[0][0].isdigit() and ":" not in rest[0]:
        raise ValueError(f"{rest[0]} is not understood here; add and delete of an address are")
    if not rest:
        raise ValueError("it has no address")
    address, broadcast = rest.pop(0), ""
    while rest:
        word = rest.pop(0)
        if word == "up" and present:
            continue
        if word in ("netmask", "prefixlen") and rest and "/" not in address:
            address = f"{address}/{rest.pop(0)}"
        elif word == "broadcast" and rest:
            broadcast = rest.pop(0)
        else:
            raise ValueError(f"{word} is not understood here; add and delete of an address are")
    if family and (family == "inet6") != (":" in address):
        raise ValueError(f"{address} is no address of {family}")
    if broadcast:
        _check_broadcast(address, broadcast)
    return Understood(name, address, present, interface if alias and present else "")


def _check_broadcast(address: str, broadcast: str) -> None:
    try:
        usual = str(IPv4Interface(address).network.broadcast_address)
    except ValueError:
        usual = ""
    if broadcast != usual:
        raise ValueError(f"broadcast {broadcast} is not that of the network{usual and f', {usual}'}; leave it out")
