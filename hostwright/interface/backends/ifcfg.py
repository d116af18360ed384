"""RHEL's network-scripts: ifcfg-INTERFACE, and ifcfg-INTERFACE:LABEL for an address with a label.

What counts is what initscripts makes of them (sysconfig.txt; expand_config, ifup-eth, ifup-aliases, ifup-ipv6): it
reads IPADDR, IPADDR0, IPADDR1, and then from IPADDR2 on as far as no number is missing; and none beside DHCP.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from hostwright.base.refusal import Refusal
from hostwright.interface.backends.backend import Backend, Keeping
from hostwright.interface.backends.ini import without
from hostwright.interface.facts import HostInterfaces
from hostwright.interface.static_address import Declared, Static, written
from hostwright.net.addresses import Address, Interface

DIRECTORY = "/etc/sysconfig/network-scripts"
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_SIX = ("IPV6ADDR", "IPV6ADDR_SECONDARIES")
_NUMBERED = ("IPADDR", "PREFIX", "NETMASK", "BROADCAST", "NETWORK", "ARPCHECK", "ARPUPDATE")
_NO = ("n", "no", "f", "false", "off", "0")


class Ifcfg(Backend):
    name = "ifcfg"

    def is_there(self, found: HostInterfaces) -> bool:
        return "network-scripts" in found.tools

    def claims(self, found: HostInterfaces, interface: str) -> bool:
        return path_of(interface) in found.files

    def cannot(self, static: Static) -> str:
        options = [option for option in static.options() if option != "label"]
        if options:
            return f"ifcfg files do not know {', '.join(options)} of an address"
        if static.label and not re.fullmatch(r"[^:]+:\w+", static.label, re.ASCII):
            return f"initscripts takes letters, digits and _ after the colon of a label, not {static.label}"
        return ""

    def declared(self, found: HostInterfaces, interface: str) -> tuple[Declared, ...]:
        return declared(_files(found), interface)

    def edited(self, found: HostInterfaces, interface: str, add: Sequence[Static], remove: Sequence[Static]) -> Keeping:
        return Keeping(interface, self.name, edited(_files(found), interface, add, remove))

    def check(self, found: HostInterfaces, interface: str, addresses: Iterable[Address]) -> None:
        check(_files(found), interface, addresses)


def _files(found: HostInterfaces) -> dict[str, str]:
    return {path: text for path, text in found.files.items() if path.startswith(DIRECTORY)}


def path_of(name: str) -> str:
    """
    + name: of the interface, or a label
    """
    return f"{DIRECTORY}/ifcfg-{name}"


def declared(files: Mapping[str, str], interface: str) -> tuple[Declared, ...]:
    path = path_of(interface)
    values = _values(files.get(path, ""), path)
    four = [] if _is_dynamic(values) else [_four(values, number, path) for number in _numbers(values)]
    six = [] if _without_six(values) else _six(values, path)
    found = [Declared(Static(address), path) for address in [*four, *six]]
    for alias, text in files.items():
        if alias.startswith(f"{path}:"):
            found += [Declared(static, alias) for static in _of_alias(alias, text, values)]
    return tuple(found)


def edited(files: Mapping[str, str], interface: str, add: Sequence[Static], remove: Iterable[Static]) -> dict[str, str]:
    gone = list(remove)
    changed = _aliases(files, interface, add, gone)
    path = path_of(interface)
    add = [static for static in add if not static.label]
    if path not in files and not add:
        return changed
    text = files.get(path, f"DEVICE={interface}\nONBOOT=yes\nBOOTPROTO=none\n")
    heirs = [one for one, said in {**files, **changed}.items() if one.startswith(f"{path}:") and _inherits(said, one)]
    spared = ("PREFIX", "NETMASK") if heirs else ()
    new = _with(_without(text, path, {static.address for static in gone if not static.label}, spared), path, add)
    return {**changed, path: new} if new != files.get(path) else changed


def _without(text: str, path: str, gone: set[Interface], spared: Sequence[str]) -> str:
    values = _values(text, path)
    lost = [] if _is_dynamic(values) else [n for n in _numbers(values) if _four(values, n, path) in gone]
    lines = _lines(text, {f"{name}{number}" for number in lost for name in _NUMBERED} - set(spared))
    six = _six(values, path)
    kept = [address for address in six if address not in gone]
    more = []
    if kept != six:
        lines += _lines(text, _SIX)
        more = _six_lines(kept)
    left = [number for number in _numbers(values) if number not in lost and number not in ("", "0", "1")]
    text = "\n".join([*without(text, lines).splitlines(), *more, ""]) if more else without(text, lines)
    return _renumbered(text, {old: str(new) for new, old in enumerate(left, 2)})


def _with(text: str, path: str, add: Sequence[Static]) -> str:
    values = _values(text, path)
    four = [static.address for static in add if static.version == 4]
    six = [static.address for static in add if static.version == 6]
    if four and _is_dynamic(values):
        raise Refusal(
            f"{path} says BOOTPROTO={values['BOOTPROTO']}, beside which initscripts sets no other address",
            f"give {four[0]} a label, which gets a file of its own, or make it BOOTPROTO=none",
        )
    if six and _without_six(values):
        raise Refusal(
            f"{path} says IPV6INIT={values['IPV6INIT']}: {six[0]} would not be there after a boot",
            "make it IPV6INIT=yes",
        )
    used, more = set(_numbers(values)), []
    for address in four:
        number = next(str(n) for n in range(256) if str(n) not in used)
        used.add(number)
        more += [f"IPADDR{number}={address.ip}", f"PREFIX{number}={address.network.prefixlen}"]
    if six:
        text = without(text, _lines(text, _SIX))
        more += [] if "IPV6INIT" in values else ["IPV6INIT=yes"]
        more += _six_lines([*_six(values, path), *six])
    new = "\n".join([*text.splitlines(), *more, ""]) if more else text
    if unread := sorted(set(_numbers(_values(new, path))) - used):
        why = f"{path} has IPADDR{unread[0]}, which no boot sets as a number before it is missing"
        raise Refusal(why, "take it out")
    return new


def _aliases(files: Mapping[str, str], interface: str, add: Sequence[Static], gone: Sequence[Static]) -> dict[str, str]:
    changed = {}
    parent = _values(files.get(path_of(interface), ""), path_of(interface))
    for path, text in files.items():
        if path.startswith(f"{path_of(interface)}:"):
            here = _of_alias(path, text, parent)
            if here and here[0] in gone:
                if _values(text, path).get("IPV6ADDR"):
                    raise Refusal(
                        f"{path} has an IPv6 address, which would be lost", f"move it to {path_of(interface)} first"
                    )
                changed[path] = ""
    for static in add:
        path = path_of(static.label)
        if static.label and changed.get(path, files.get(path)):
            raise Refusal(f"{static.label} has an address already, and {path} can have one", "take another label")
        if static.label:
            lines = [f"DEVICE={static.label}", "ONPARENT=yes", f"IPADDR={static.ip}"]
            changed[path] = "\n".join([*lines, f"PREFIX={static.address.network.prefixlen}", ""])
    return changed


def _of_alias(path: str, text: str, parent: Mapping[str, str]) -> list[Static]:
    values = _values(text, path)
    if not values.get("IPADDR") or values.get("ONPARENT", "").lower() == "no":
        return []
    lengths = {name: parent[name] for name in ("PREFIX", "NETMASK") if parent.get(name)}
    label = values.get("DEVICE") or path.removeprefix(path_of(""))
    return [Static(_four({**({} if _length(values, "") else lengths), **values}, "", path), label=label)]


def _inherits(text: str, path: str) -> bool:
    """Whether the prefix length of an alias is that of the interface's own address."""
    values = _values(text, path)
    return bool(values.get("IPADDR")) and not _length(values, "")


def check(files: Mapping[str, str], interface: str, addresses: Iterable[Address]) -> None:
    """Refuses an address that is one of a range: those are not taken apart."""
    for path, text in files.items():
        values = _values(text, path) if path.startswith(f"{path_of(interface)}-range") else {}
        if values.get("IPADDR_START") and values.get("IPADDR_END"):
            first, last = (written(values[name], path).ip for name in ("IPADDR_START", "IPADDR_END"))
            for ip in addresses:
                if ip.version == 4 and int(first) <= int(ip) <= int(last):
                    raise Refusal(f"{ip} is one of the range that {path} has", "change that file first")


def _lines(text: str, names: Iterable[str]) -> list[int]:
    wanted = set(names)
    return [number for number, line in enumerate(text.splitlines()) if _name(line) in wanted]


def _name(line: str) -> str:
    found = _LINE.fullmatch(line)
    return found[1] if found else ""


def _renumbered(text: str, numbers: Mapping[str, str]) -> str:
    new = {f"{name}{old}": f"{name}{number}" for old, number in numbers.items() for name in _NUMBERED}
    lines = text.splitlines(keepends=True)
    return "".join(
        line.replace(name, new.get(name, name), 1) if (name := _name(line.rstrip("\n"))) else line for line in lines
    )


def _values(text: str, path: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            try:
                found[match[1]] = " ".join(shlex.split(match[2], comments=True))
            except ValueError:
                raise Refusal(f"{path} has a line that no shell takes: {line!r}", "put it right first") from None
    return found


def _is_dynamic(values: Mapping[str, str]) -> bool:
    return values.get("BOOTPROTO", "").lower() in ("dhcp", "bootp")


def _without_six(values: Mapping[str, str]) -> bool:
    return values.get("IPV6INIT", "").lower() in _NO


def _numbers(values: Mapping[str, str]) -> list[str]:
    """Of IPADDR, IPADDR0, IPADDR1, ...: what comes after the name, as far as initscripts reads."""
    found = [number for number in ("", "0", "1") if values.get(f"IPADDR{number}")]
    for number in range(2, 256):
        if not values.get(f"IPADDR{number}"):
            break
        found.append(str(number))
    return found


def _length(values: Mapping[str, str], number: str) -> str:
    return values.get(f"PREFIX{number}") or values.get(f"NETMASK{number}") or ""


def _four(values: Mapping[str, str], number: str, path: str) -> Interface:
    address, length = values[f"IPADDR{number}"], _length(values, number)
    if not length:
        why = f"{path}: IPADDR{number}={address} has neither PREFIX{number} nor NETMASK{number}"
        raise Refusal(why, "add one")
    return written(f"{address}/{length}", path)


def _six(values: Mapping[str, str], path: str) -> list[Interface]:
    return [written(text, path) for name in _SIX for text in values.get(name, "").split()]


def _six_lines(addresses: Sequence[Interface]) -> list[str]:
    if not addresses:
        return []
    more = " ".join(str(address) for address in addresses[1:])
    return [f"IPV6ADDR={addresses[0]}", *([f'IPV6ADDR_SECONDARIES="{more}"'] if more else [])]
