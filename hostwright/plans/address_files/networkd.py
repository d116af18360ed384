"""systemd-networkd: systemd.network(5).

Addresses are added in a drop-in of the .network file that networkd applies to the interface, or in a file of their own
where there is none; they are removed from whichever file declares them.
"""

import posixpath
from collections.abc import Iterable, Mapping, Sequence

from hostwright.plans.address_files.sections import Section, parse, without
from hostwright.plans.static_address import Declared, Static, written

ETC = "/etc/systemd/network"
_NO = ("no", "false", "off", "0")


def cannot(static: Static) -> str:
    if static.nodad and static.version == 4:
        return "nodad is for IPv6"
    if static.preferred not in (None, 0):
        return "systemd-networkd knows a preferred lifetime of 0 or for ever only"
    return ""


def drop_in(unit: str, interface: str) -> str:
    """Where ours are; drop-ins in /etc count for files of /run and /usr/lib, too."""
    if not unit:
        return f"{ETC}/70-hostwright-{interface}.network"
    return f"{ETC}/{posixpath.basename(unit)}.d/hostwright.conf"


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
            if path == drop_in(unit, interface) and not declared({path: changed[path]}):
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
    if section.name != "Address" or not section.get("Address"):
        return []
    address = written(section.get("Address"), path)
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
