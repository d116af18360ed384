"""RHEL's network-scripts: ifcfg-INTERFACE, as initscripts' sysconfig.txt has it."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_interface

from hostwright.facts.addresses import Interface
from hostwright.plans.address_files.sections import without
from hostwright.plans.static_address import Declared, Static
from hostwright.refusal import Refusal

DIRECTORY = "/etc/sysconfig/network-scripts"
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_SIX = ("IPV6ADDR", "IPV6ADDR_SECONDARIES")


def cannot(static: Static) -> str:
    options = static.options()
    return f"ifcfg files do not know {', '.join(options)} of an address" if options else ""


def path_of(interface: str) -> str:
    return f"{DIRECTORY}/ifcfg-{interface}"


def declared(files: Mapping[str, str], interface: str) -> tuple[Declared, ...]:
    path = path_of(interface)
    found = _values(files.get(path, ""))
    four = [_four(found, number) for number in _numbers(found)]
    six = [ip_interface(text) for name in _SIX for text in found.get(name, "").split()]
    return tuple(Declared(Static(address), path) for address in [*four, *six])


def edited(files: Mapping[str, str], interface: str, add: Sequence[Static], remove: Iterable[Static]) -> dict[str, str]:
    path = path_of(interface)
    text = files.get(path, "")
    if path not in files:
        if not add:
            return {}
        text = f"DEVICE={interface}\nONBOOT=yes\nBOOTPROTO=none\n"
    found, gone = _values(text), {static.address for static in remove}
    names: set[str] = set()
    for number in _numbers(found):
        if _four(found, number) in gone:
            names |= {f"{name}{number}" for name in ("IPADDR", "PREFIX", "NETMASK", "BROADCAST", "NETWORK")}
    six = [text for name in _SIX for text in found.get(name, "").split()]
    kept = [text for text in six if ip_interface(text) not in gone]
    kept += [str(static.address) for static in add if static.version == 6]
    lines = [number for number, line in enumerate(text.splitlines()) if _name(line) in names]
    if kept != six:
        lines += [number for number, line in enumerate(text.splitlines()) if _name(line) in _SIX]
    used = set(_numbers(found)) - {name.removeprefix("IPADDR") for name in names}
    more = []
    for static in add:
        if static.version == 4:
            number = next(str(n) for n in range(257) if str(n) not in used)
            used.add(number)
            more += [f"IPADDR{number}={static.ip}", f"PREFIX{number}={static.address.network.prefixlen}"]
    if kept != six and kept:
        if "IPV6INIT" not in found:
            more.append("IPV6INIT=yes")
        more.append(f"IPV6ADDR={kept[0]}")
        if kept[1:]:
            more.append(f'IPV6ADDR_SECONDARIES="{" ".join(kept[1:])}"')
    new = without(text, lines)
    if more:
        new = "\n".join([*new.splitlines(), *more, ""])
    return {path: new} if new != files.get(path) else {}


def _name(line: str) -> str:
    found = _LINE.fullmatch(line)
    return found[1] if found else ""


def _values(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            try:
                found[match[1]] = " ".join(shlex.split(match[2], comments=True))
            except ValueError:
                raise Refusal(f"an ifcfg file has a line that no shell takes: {line!r}; put it right first") from None
    return found


def _numbers(found: Mapping[str, str]) -> list[str]:
    """Of IPADDR, IPADDR0, IPADDR1, ...: what comes after the name."""
    return [name.removeprefix("IPADDR") for name in found if re.fullmatch("IPADDR[0-9]*", name) and found[name]]


def _four(found: Mapping[str, str], number: str) -> Interface:
    length = found.get(f"PREFIX{number}") or found.get(f"NETMASK{number}")
    if not length:
        raise Refusal(
            f"IPADDR{number}={found[f'IPADDR{number}']} has neither PREFIX{number} nor NETMASK{number}; add one"
        )
    return ip_interface(f"{found[f'IPADDR{number}']}/{length}")
