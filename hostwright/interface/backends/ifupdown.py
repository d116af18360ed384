"""Debian's ifupdown: interfaces(5), with what it sources.

Ours are stanzas of their own. ifupdown2 (Proxmox, Cumulus) has several addresses in a stanza, and stanzas without a
family: there an address is its line. The last one takes its stanza with it; where that says more (a gateway, say),
another address of the same run takes its place in it. One that a command sets as the interface is raised counts, too.
"""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from hostwright.base.refusal import Refusal
from hostwright.interface.backends.backend import Backend, Keeping
from hostwright.interface.backends.commands import address_set_by, names
from hostwright.interface.facts import HostInterfaces
from hostwright.interface.static_address import Declared, Static, written
from hostwright.net.addresses import Address, Interface

MAIN = "/etc/network/interfaces"
DIRECTORY = "/etc/network/interfaces.d"
OURS = f"{DIRECTORY}/hostwright"
_KEYWORDS = (
    "iface",
    "auto",
    "mapping",
    "source",
    "source-directory",
    "rename",
    "template",
    "no-auto-down",
    "no-scripts",
)
# Relative ones are no sure way: ifupdown2 looks for them elsewhere.
_SOURCED = (DIRECTORY, f"{DIRECTORY}/*")
_OF_ADDRESS = (
    "address",
    "netmask",
    "broadcast",
    "network",
    "scope",
    "pointopoint",
    "preferred-lifetime",
    "dad-attempts",
)


_RAISING = ("up", "post-up", "pre-up")
_LOWERING = ("down", "post-down", "pre-down")


@dataclass(frozen=True)
class Stanza:
    """
    + options: with the number of their line
    + first, last: numbers of its lines
    """

    name: str
    family: str
    method: str
    options: tuple[tuple[str, str, int], ...]
    first: int
    last: int

    def get(self, name: str) -> str:
        return next((value for option, value, _ in self.options if option == name), "")

    def others(self, gone: Container[int]) -> list[str]:
        """What it says beside the address, but for the lines that go."""
        return [
            f"{name} {value}" for name, value, number in self.options if name not in _OF_ADDRESS and number not in gone
        ]


class Ifupdown(Backend):
    name = "ifupdown"

    def is_there(self, found: HostInterfaces) -> bool:
        return "ifup" in found.tools

    def claims(self, found: HostInterfaces, interface: str) -> bool:
        return any(_of(text, interface) for text in _files(found).values())

    def cannot(self, static: Static) -> str:
        if static.noprefixroute:
            return "ifupdown knows no noprefixroute"
        if static.preferred not in (None, 0) or (static.preferred is not None and static.version == 4):
            return "ifupdown knows a preferred lifetime of IPv6 addresses only, and here of 0 or for ever"
        if static.nodad and static.version == 4:
            return "nodad is for IPv6"
        if static.peer and static.version == 6:
            return "ifupdown knows no peer of an IPv6 address"
        return ""

    def declared(self, found: HostInterfaces, interface: str) -> tuple[Declared, ...]:
        return declared(_files(found), interface)

    def edited(self, found: HostInterfaces, interface: str, add: Sequence[Static], remove: Sequence[Static]) -> Keeping:
        return Keeping(interface, self.name, edited(_files(found), interface, add, remove))

    def check(self, found: HostInterfaces, interface: str, addresses: Iterable[Address]) -> None:
        check(_files(found), interface, addresses)

    def called(self, found: HostInterfaces, interface: str, static: Static) -> str:  # noqa: ARG002 - others ask
        return static.label or interface


def _files(found: HostInterfaces) -> dict[str, str]:
    return {path: text for path, text in found.files.items() if path.startswith("/etc/network/")}


def declared(files: Mapping[str, str], interface: str) -> tuple[Declared, ...]:
    """
    + files: /etc/network/interfaces and all that it sources
    """
    found = []
    for path, text in files.items():
        found += [Declared(static, path) for _, here in _by_stanza(path, text, interface) for static, _ in here]
        found += [Declared(static, path) for stanza in _of(text, interface) for static, _ in _by_command(stanza, path)]
    return tuple(found)


def check(files: Mapping[str, str], interface: str, addresses: Iterable[Address]) -> None:
    """Refuses a command that sets one of the addresses in a way that is not understood here."""
    for path, text in files.items():
        for stanza in _of(text, interface):
            known = [number for _, number in _by_command(stanza, path)]
            for word, command, number in stanza.options:
                named = [str(ip) for ip in addresses if names(command, str(ip))]
                if word in _RAISING and number not in known and named:
                    raise Refusal(
                        f"{path}: the stanza of {stanza.name} has `{word} {command}`, which is not understood here, "
                        f"and sets {named[0]}",
                        "take that line out first",
                    )


def edited(files: Mapping[str, str], interface: str, add: Sequence[Static], remove: Iterable[Static]) -> dict[str, str]:
    gone, left = set(remove), list(add)
    changed: dict[str, str] = {}
    for path, text in files.items():
        lines: list[int] = []
        replaced: dict[int, str] = {}
        for stanza in _of(text, interface):
            for static, number in _by_command(stanza, path):
                if static in gone:
                    lines += [number, *_undone_by(stanza, static)]
        for stanza, here in _by_stanza(path, text, interface):
            going = [(static, number) for static, number in here if static in gone]
            if not going:
                continue
            others_stay = [static for static, _ in here if static not in gone]
            if others_stay or (not stanza.method and not stanza.get("gateway")):
                _check_gateway(path, stanza, others_stay)
                lines += [number for _, number in going]
                continue
            static = going[0][0]
            if not stanza.others(lines):
                lines += range(stanza.first, stanza.last + 1)
                if static.label:
                    lines += [n for n, line in enumerate(text.splitlines()) if line.split() == ["auto", static.label]]
                continue
            heir = _heir(path, stanza, static, stanza.others(lines), left)
            left.remove(heir)
            of_address = [number for name, _, number in stanza.options if name in _OF_ADDRESS]
            lines += of_address[1:]
            replaced[of_address[0]] = "\n".join(_options(heir))
        if lines or replaced:
            kept = [replaced.get(number, line) for number, line in enumerate(text.splitlines())]
            # A stanza in place of a line is several lines: numbers count for the text before.
            gone_lines = _with_rest(text, lines) | (_with_rest(text, replaced) - set(replaced))
            changed[path] = "".join(f"{line}\n" for number, line in enumerate(kept) if number not in gone_lines)
            if path == OURS and not parse(changed[path]):
                changed[path] = ""
    if left:
        path = OURS if _sources(files) else MAIN
        before = changed.get(path, files.get(path, ""))
        stanzas = [_stanza(static, interface, files) for static in left]
        changed[path] = "\n".join([*([before.rstrip("\n"), ""] if before.strip() else []), *stanzas])
    return changed


def _check_gateway(path: str, stanza: Stanza, stay: Sequence[Static]) -> None:
    gateway = stanza.get("gateway")
    if gateway and not any(ip_address(gateway) in static.address.network for static in stay):
        raise Refusal(
            f"{path}: the gateway {gateway} of {stanza.name} is reached by none of the addresses that stay in its "
            "stanza",
            "keep one of its network, or move the gateway first",
        )


def _heir(path: str, stanza: Stanza, static: Static, others: list[str], left: Sequence[Static]) -> Static:
    gateway = stanza.get("gateway")
    for one in left:
        if (
            one.version == static.version
            and not one.label
            and (not gateway or ip_address(gateway) in one.address.network)
        ):
            return one
    raise Refusal(
        f"{path}: the stanza of {static.address} also says {', '.join(others)}, and would be lost",
        "put an address in its place in the same run (one whose network has that gateway), or move those lines first",
    )


def _sources(files: Mapping[str, str]) -> bool:
    for line in files.get(MAIN, "").splitlines():
        words = line.split()
        if words[:1] in (["source"], ["source-directory"]) and words[-1].rstrip("/") in _SOURCED:
            return True
    return False


def _stanza(static: Static, interface: str, files: Mapping[str, str]) -> str:
    name = static.label or interface
    lines = []
    if not any(_is_raised(text, name) for text in files.values()):
        lines.append(f"auto {name}")
    lines.append(f"iface {name} {'inet6' if static.version == 6 else 'inet'} static")
    return "\n".join([*lines, *_options(static), ""])


def _options(static: Static) -> list[str]:
    lines = [f"    address {static.address}"]
    if static.peer:
        lines.append(f"    pointopoint {static.peer}")
    if static.scope != "global":
        lines.append(f"    scope {static.scope}")
    if static.preferred == 0:
        lines.append("    preferred-lifetime 0")
    if static.nodad:
        lines.append("    dad-attempts 0")
    return lines


def _is_raised(text: str, name: str) -> bool:
    return any(
        name in words[1:]
        for line in text.splitlines()
        if (words := line.split()) and words[0] in ("auto", "allow-auto", "allow-hotplug")
    )


def _of(text: str, interface: str) -> list[Stanza]:
    return [stanza for stanza in parse(text) if stanza.name.partition(":")[0] == interface]


def _by_command(stanza: Stanza, path: str) -> list[tuple[Static, int]]:
    """Addresses that its commands set, each with the number of the line."""
    found = []
    for word, command, number in stanza.options:
        if word in _RAISING and (static := address_set_by(command, stanza.name, path)):
            found.append((static, number))
    return found


def _with_rest(text: str, numbers: Iterable[int]) -> set[int]:
    """Lines, with those in which they go on after a backslash."""
    lines, found = text.splitlines(), set()
    for number in numbers:
        found.add(number)
        while lines[number].endswith("\\") and number + 1 < len(lines):
            number += 1
            found.add(number)
    return found


def _undone_by(stanza: Stanza, static: Static) -> list[int]:
    return [
        number
        for word, command, number in stanza.options
        if word in _LOWERING and re.search(r"\s(del|delete)\s", command) and str(static.ip) in re.split("[ /]", command)
    ]


def _by_stanza(path: str, text: str, interface: str) -> list[tuple[Stanza, list[tuple[Static, int]]]]:
    """The addresses of each stanza, with the numbers of their lines."""
    found = []
    for stanza in _of(text, interface):
        if stanza.method not in ("static", ""):
            continue
        here = [
            (_static(stanza, value, path), number)
            for option, value, number in stanza.options
            if option == "address" and value
        ]
        # A bridge of old has 0.0.0.0: none.
        here = [(static, number) for static, number in here if not static.ip.is_unspecified]
        found += [(stanza, here)] if here else []
    return found


def _static(stanza: Stanza, address: str, path: str) -> Static:
    return Static(
        address=_address(stanza, address, path),
        peer=stanza.get("pointopoint"),
        label=stanza.name if ":" in stanza.name else "",
        scope=stanza.get("scope") or "global",
        preferred=0 if stanza.get("preferred-lifetime") == "0" else None,
        nodad=stanza.get("dad-attempts") == "0",
    )


def _address(stanza: Stanza, text: str, path: str) -> Interface:
    mask = stanza.get("netmask")
    if "/" in text:
        return written(text, path)
    if not mask and text != "0.0.0.0":
        raise Refusal(
            f"{path}: the stanza of {stanza.name} has address {text} without a prefix length", "write one there first"
        )
    return written(f"{text}/{mask or 32}", path)


def parse(text: str) -> list[Stanza]:
    """The stanzas of interfaces; a line may go on in the next one after a backslash."""
    found: list[Stanza] = []
    open_, number = False, 0
    lines = text.splitlines()
    while number < len(lines):
        first, line = number, lines[number]
        while line.endswith("\\") and number + 1 < len(lines):
            number += 1
            line = line[:-1] + lines[number]
        words = line.split()
        if words and not words[0].startswith("#"):
            if words[0] == "iface" and len(words) >= 2:
                family, method = [*words[2:4], "", ""][:2]
                found.append(Stanza(words[1], family, method, (), first, number))
                open_ = True
            elif words[0] in _KEYWORDS or words[0].startswith("allow-"):
                open_ = False
            elif open_:
                here = found[-1]
                options = (*here.options, (words[0], " ".join(words[1:]), first))
                found[-1] = Stanza(here.name, here.family, here.method, options, here.first, number)
        number += 1
    return found
