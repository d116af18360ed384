"""systemd-networkd: systemd.network(5).

Addresses are added in a drop-in of the .network file that networkd applies to the interface, or in a file of their own
where there is none; they are removed from whichever file declares them.
"""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from hostwright.base.refusal import Refusal
from hostwright.interface.backends.backend import UNTIL_BOOT, Backend, Keeping, sharing
from hostwright.interface.backends.ini import Entry, Section, parse, without
from hostwright.interface.facts import HostInterfaces
from hostwright.interface.static_address import Declared, Static, written

ETC = "/etc/systemd/network"
_NO = ("no", "false", "off", "0")
_YES = ("yes", "true", "on", "1")


class Networkd(Backend):
    name = "networkd"

    def is_there(self, found: HostInterfaces) -> bool:
        return bool(found.units)

    def claims(self, found: HostInterfaces, interface: str) -> bool:
        unit = found.units.get(interface, "")
        return bool(unit) and not unit.startswith("/usr/lib/")

    def cannot(self, static: Static) -> str:
        if static.nodad and static.version == 4:
            return "nodad is for IPv6"
        if static.preferred not in (None, 0):
            return "systemd-networkd knows a preferred lifetime of 0 or for ever only"
        return ""

    def declared(self, found: HostInterfaces, interface: str) -> tuple[Declared, ...]:
        return declared(_files(found, interface))

    def edited(self, found: HostInterfaces, interface: str, add: Sequence[Static], remove: Sequence[Static]) -> Keeping:
        unit, copied = found.units.get(interface, ""), copy_path(interface)
        if _has_shared(found, interface) and comes_before_copy(unit, interface):
            raise Refusal(
                f"{unit} is for more interfaces than {interface}, and no file of {interface} alone could come before "
                "it",
                "give it a name that begins with 10- or more",
            )
        if add and not unit:
            _check_managed(found, interface)
        files = _files(found, interface)
        new = edited(files, next(iter(files)) if copied in files else unit, interface, add, remove)
        notes = []
        if copied in new and copied not in found.files:
            notes.append(
                f"{interface} gets a file of its own, {copied}, with all else that {unit} says: that one is for other "
                "interfaces, too, and what is changed in it later does not reach this one"
            )
        return Keeping(interface, self.name, new, notes=tuple(notes))


def _check_managed(found: HostInterfaces, interface: str) -> None:
    link = next((one for one in found.links if one.name == interface), None)
    files = {path: text for path, text in found.files.items() if path.endswith(".network")}
    if path := unmanaged_by(files, interface, link.mac if link else ""):
        raise Refusal(
            f"{path} has Unmanaged=yes and fits {interface}: systemd-networkd would not read a file of ours",
            f"take {interface} out of its [Match] first; {UNTIL_BOOT}",
        )


def _files(found: HostInterfaces, interface: str) -> dict[str, str]:
    """What it applies to the interface: the .network file with its drop-ins, or a copy of a shared one."""
    unit, copied = found.units.get(interface, ""), copy_path(interface)
    if _has_shared(found, interface):
        return {copied: found.files.get(copied) or copy(_of_unit(found, unit), interface)}
    ours = drop_in(unit, interface)
    own = {path: text for path, text in found.files.items() if path == ours}
    return (_of_unit(found, unit) if unit else {}) | own


def _has_shared(found: HostInterfaces, interface: str) -> bool:
    unit = found.units.get(interface, "")
    if not unit or unit == copy_path(interface):
        return False
    return is_shared(_of_unit(found, unit), sharing(found, interface))


def _of_unit(found: HostInterfaces, unit: str) -> dict[str, str]:
    base = f"/{unit.rpartition('/')[2]}.d/"
    return {path: text for path, text in found.files.items() if path == unit or base in path}


def drop_in(unit: str, interface: str) -> str:
    """Where ours are; drop-ins in /etc count for files of /run and /usr/lib, too."""
    if not unit:
        return f"{ETC}/70-hostwright-{interface}.network"
    if unit == copy_path(interface):
        return unit
    return f"{ETC}/{posixpath.basename(unit)}.d/hostwright.conf"


def copy_path(interface: str) -> str:
    """Where a file of its own is that comes before one that is for several."""
    return f"{ETC}/00-hostwright-{interface}.network"


def comes_before_copy(unit: str, interface: str) -> bool:
    """networkd takes the first file that fits, by the names in all its directories."""
    return posixpath.basename(unit) < posixpath.basename(copy_path(interface))


def is_shared(files: Mapping[str, str], others: Sequence[str]) -> bool:
    """Whether a .network file could be for another interface, too.

    + files: it and its drop-ins
    + others: further interfaces that networkd applies it to now
    """
    if others:
        return True
    keys = [
        entry
        for text in files.values()
        for section in parse(text)
        if section.name == "Match"
        for entry in section.entries
    ]
    alone = [entry for entry in keys if entry.key in _OF_ONE and len(entry.value.split()) == 1]
    return not any(not set(entry.value) & set("*?[!") for entry in alone)


# What an interface has alone, but for a card and what is made on it: of those networkctl tells.
_OF_ONE = ("Name", "MACAddress", "PermanentMACAddress", "Path")


def copy(files: Mapping[str, str], interface: str) -> str:
    """What a shared file and its drop-ins say, for one interface alone: networkd reads the first file that fits."""
    texts = []
    for text in files.values():
        matches = [section for section in parse(text) if section.name == "Match"]
        gone = [number for section in matches for number in range(section.first, section.last + 1)]
        texts.append(without(text, gone).strip("\n"))
    first = f"# {interface} alone, with all that {next(iter(files))} says: to go back to that, remove this file.\n"
    return "\n\n".join([f"{first}[Match]\nName={interface}", *(text for text in texts if text)]) + "\n"


def unmanaged_by(files: Mapping[str, str], interface: str, mac: str) -> str:
    """The file before ours that keeps networkd from the interface, or may do so; nothing where there is none."""
    ours = posixpath.basename(drop_in("", interface))
    for path in sorted(files, key=posixpath.basename):
        sections = parse(files[path])
        links = [section for section in sections if section.name == "Link"]
        if posixpath.basename(path) >= ours or not any(one.get("Unmanaged").lower() in _YES for one in links):
            continue
        matches = [entry for section in sections if section.name == "Match" for entry in section.entries]
        if all(_may_fit(entry, interface, mac) for entry in matches):
            return path
    return ""


def _may_fit(entry: Entry, interface: str, mac: str) -> bool:
    """What is not known of the interface may fit."""
    known = {"Name": interface, "MACAddress": mac.lower(), "PermanentMACAddress": mac.lower()}.get(entry.key)
    patterns = entry.value.split()
    if known is None or not patterns:
        return True
    if entry.key != "Name":
        return known in (pattern.lower().replace("-", ":") for pattern in patterns)
    if patterns[0].startswith("!"):
        return not any(fnmatchcase(known, pattern.lstrip("!")) for pattern in patterns)
    return any(fnmatchcase(known, pattern) for pattern in patterns)


def declared(files: Mapping[str, str]) -> tuple[Declared, ...]:
    """
    + files: the .network file that networkd applies to the interface, and its drop-ins
    """
    found = [
        Declared(static, path)
        for path, text in files.items()
        for section in parse(text)
        for static, _ in _statics(section, path)
    ]
    return tuple(found)


def edited(
    files: Mapping[str, str], unit: str, interface: str, add: Sequence[Static], remove: Iterable[Static]
) -> dict[str, str]:
    """The files that change, with their new text; our own one goes when it is empty."""
    gone = set(remove)
    changed: dict[str, str] = {}
    for path, text in files.items():
        lines: list[int] = []
        for section in parse(text):
            for static, numbers in _statics(section, path):
                if static in gone:
                    lines += numbers
        if lines:
            changed[path] = without(text, lines)
            # A copy without addresses stays: the file that it is of may have some.
            if path == drop_in(unit, interface) != unit and not declared({path: changed[path]}):
                changed[path] = ""
    if add:
        ours = drop_in(unit, interface)
        before = changed.get(ours) or ("" if ours in changed else files.get(ours, ""))
        if not before and not unit:
            before = f"[Match]\nName={interface}\n"
        changed[ours] = "\n".join([before.rstrip("\n"), *(_section(static) for static in add), ""]).lstrip("\n")
    return changed


def _statics(section: Section, path: str) -> list[tuple[Static, list[int]]]:
    """Those of a section, each with the lines that go with it. From 0.0.0.0/24, say, networkd takes one by itself."""
    found = _of_section(section, path)
    return [(static, lines) for static, lines in found if not static.ip.is_unspecified]


def _of_section(section: Section, path: str) -> list[tuple[Static, list[int]]]:
    if section.name == "Network":
        return [
            (Static(written(one.value, path)), [one.line])
            for one in section.entries
            if one.key == "Address" and one.value
        ]
    if section.name != "Address" or not any(entry.key == "Address" and entry.value for entry in section.entries):
        return []
    # Of several in one section the last counts, but of the family of the first (networkd-address.c).
    several = [written(entry.value, path) for entry in section.entries if entry.key == "Address" and entry.value]
    address = [one for one in several if one.version == several[0].version][-1]
    if peer := section.get("Peer"):
        # Its prefix length is the one that counts.
        address = written(f"{address.ip}/{peer.partition('/')[2] or address.max_prefixlen}", path)
    static = Static(
        address=address,
        peer=peer.partition("/")[0],
        label=section.get("Label"),
        scope=section.get("Scope") or "global",
        preferred=0 if section.get("PreferredLifetime") == "0" else None,
        noprefixroute=section.get("AddPrefixRoute").lower() in _NO,
        nodad=section.get("DuplicateAddressDetection").lower() in (*_NO, "none") and address.version == 6,
    )
    return [(static, list(range(section.first, section.last + 1)))]


def _section(static: Static) -> str:
    prefix = static.address.network.prefixlen
    lines = ["", "[Address]"]
    if static.peer:
        lines += [f"Address={static.ip}", f"Peer={static.peer}/{prefix}"]
    else:
        lines.append(f"Address={static.address}")
    if static.label:
        lines.append(f"Label={static.label}")
    if static.scope != "global":
        lines.append(f"Scope={static.scope}")
    if static.preferred == 0:
        lines.append("PreferredLifetime=0")
    if static.noprefixroute:
        lines.append("AddPrefixRoute=no")
    if static.nodad:
        lines.append("DuplicateAddressDetection=none")
    return "\n".join(lines)
