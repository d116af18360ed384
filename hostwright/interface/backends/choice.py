"""Which of the ways to keep addresses across a boot a host uses for an interface, and what changes there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from hostwright.base.refusal import Refusal
from hostwright.interface.backends import ifcfg, ifupdown, netplan, network_manager, networkd
from hostwright.interface.facts import HostInterfaces
from hostwright.interface.settings import InterfaceSettings
from hostwright.interface.static_address import Declared, Static
from hostwright.net.addresses import Address

_CANNOT = {
    "networkd": networkd.cannot,
    "ifupdown": ifupdown.cannot,
    "netplan": netplan.cannot,
    "network-manager": network_manager.cannot,
    "ifcfg": ifcfg.cannot,
}
# Where there are other ways to set an address than those that can be edited.
_CHECKS = {"ifupdown": ifupdown.check, "ifcfg": ifcfg.check}
_TOOLS = {"netplan": "netplan", "ifupdown": "ifup", "network-manager": "nmcli", "ifcfg": "network-scripts"}
# More than a name it would be for some who read the files: shells, systemd, or patterns of names.
_NAME = re.compile(r"[A-Za-z0-9_.+-]+(:[A-Za-z0-9_.+-]+)?", re.ASCII)
_CLOUD = (
    "{path} is cloud-init's, which may write it anew: to stop that, write `network: {{config: disabled}}` to "
    "/etc/cloud/cloud.cfg.d/99-disable-network-config.cfg"
)


@dataclass(frozen=True)
class Keeping:
    """
    + files: those that change, with their new text
    + nmcli: what NetworkManager is told, word by word
    + asks: TOOL, NAME and ADDRESS of what a tool must tell of the new files, by its own name for the interface
    """

    interface: str
    backend: str
    files: Mapping[str, str] = field(default_factory=dict)
    nmcli: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    asks: tuple[tuple[str, str, str], ...] = ()

    @property
    def changes(self) -> bool:
        return bool(self.files or self.nmcli)


def keep(found: HostInterfaces, name: str, wanted: InterfaceSettings, backend: str | None) -> Keeping:
    if found.unreadable:
        raise Refusal(
            f"{found.user} may not read {found.unreadable[0]}, where addresses may be kept; let pyinfra use "
            "sudo (_sudo, --sudo)"
        )
    for text in (name, *(static.label for static in wanted.present if static.label)):
        if not _NAME.fullmatch(text):
            raise Refusal(
                f"{text!r} cannot be kept across a boot, only letters, digits and _ . + - can; with persist=False it "
                "is there until then"
            )
    chosen = _chosen(found, name, backend)
    for static in wanted.present:
        if reason := _CANNOT[chosen](static):
            raise Refusal(f"{static.address} on {name} cannot be kept across a boot as it is wanted: {reason}")
    present = _declared(found, name, chosen)
    listed = {static.ip: static for static in wanted.present}
    absent = {static.ip for static in wanted.absent}
    remove = [
        one
        for one in present
        if one.static.ip in absent
        or (one.static.ip in listed and one.static != listed[one.static.ip])
        or (wanted.exact and one.static.ip not in listed)
    ]
    there = {one.static for one in present}
    add = [static for static in wanted.present if static not in there]
    if add or remove:
        _check_alone(found, name, chosen)
    if add:
        _check_lasting(found, name, chosen)
    if check := _CHECKS.get(chosen):
        here = {one.address.ip for one in found.addresses if one.interface == name} if wanted.exact else set()
        known = {one.static.ip for one in present}
        check(_files(found, name, chosen), name, (here | absent | listed.keys()) - known)
    return _changed(found, name, chosen, present, add, remove)


def _check_alone(found: HostInterfaces, name: str, chosen: str) -> None:
    """Refuses what cannot be written for one interface without a change to others."""
    unit, sharing = found.units.get(name, ""), _sharing(found, name)
    if chosen == "netplan" and sharing:
        raise Refusal(
            f"netplan's {_netplan_id(found, name)} is for {' and '.join([name, *sharing])}: addresses of one would "
            "come to all of them; write an entry for each in its place (match by name or macaddress), then run again"
        )
    if chosen == "networkd" and _is_shared(found, name) and networkd.comes_before_copy(unit, name):
        raise Refusal(
            f"{unit} is for more interfaces than {name}, and no file of {name} alone could come before it: "
            f"give it a name that begins with 10- or more"
        )


def _check_lasting(found: HostInterfaces, name: str, chosen: str) -> None:
    """Refuses what would be written, and not be there after a boot."""
    link = next((one for one in found.links if one.name == name), None)
    if link and link.kind and name not in found.netdevs and not claims(found, name):
        raise Refusal(
            f"{name} is a {link.kind} that no file of this host claims: what made it gives it its addresses, which a "
            f"file of ours could take away; write them into the configuration of what made {name}, or say persist=False"
        )
    if chosen == "networkd" and not found.units.get(name):
        files = {path: text for path, text in found.files.items() if path.endswith(".network")}
        if path := networkd.unmanaged_by(files, name, link.mac if link else ""):
            raise Refusal(
                f"{path} has Unmanaged=yes and fits {name}: systemd-networkd would not read a file of ours; take "
                f"{name} out of its [Match] first, or say persist=False"
            )


def _sharing(found: HostInterfaces, name: str) -> list[str]:
    """Further interfaces that the same file or connection is applied to."""
    unit, profile = found.units.get(name), found.profiles.get(name)
    same = [other for other, one in found.units.items() if unit and one == unit and other != name]
    same += [other for other, one in found.profiles.items() if profile and one.name == profile.name and other != name]
    return sorted(set(same))


def _is_shared(found: HostInterfaces, name: str) -> bool:
    unit = found.units.get(name, "")
    if not unit or unit == networkd.copy_path(name):
        return False
    return networkd.is_shared(_of_unit(found, unit), _sharing(found, name))


def _of_unit(found: HostInterfaces, unit: str) -> dict[str, str]:
    base = f"/{unit.rpartition('/')[2]}.d/"
    return {path: text for path, text in found.files.items() if path == unit or base in path}


def _changed(
    found: HostInterfaces,
    name: str,
    chosen: str,
    present: tuple[Declared, ...],
    add: list[Static],
    remove: list[Declared],
) -> Keeping:
    gone = [one.static for one in remove]
    files = _files(found, name, chosen)
    new: dict[str, str] = {}
    words: list[str] = []
    match chosen:
        case "networkd":
            unit = next(iter(files)) if networkd.copy_path(name) in files else found.units.get(name, "")
            new = networkd.edited(files, unit, name, add, gone)
        case "ifupdown":
            new = ifupdown.edited(files, name, add, gone)
        case "netplan":
            new = netplan.edited(files, _netplan_id(found, name), add, gone)
        case "ifcfg":
            new = ifcfg.edited(files, name, add, gone)
        case _:
            profile = found.profiles[name]
            words = network_manager.arguments(profile, tuple(one.static for one in present), add, gone)
            words = ["connection", "modify", profile.uuid, *words] if words else []
    where = f"connection {found.profiles[name].name}" if words else ", ".join(new)
    lines = [f"{name}: {static.address} will be there after a boot ({where})" for static in add]
    lines += [f"{name}: {one.static.address} will not come back after a boot ({one.path})" for one in remove]
    notes = [_CLOUD.format(path=path) for path in new if "cloud-init" in files.get(path, "")]
    if (copy := networkd.copy_path(name)) in new and copy not in found.files:
        notes.append(
            f"{name} gets a file of its own, {copy}, with all else that {found.units[name]} says: that one is for "
            "other interfaces, too, and what is changed in it later does not reach this one"
        )
    if chosen == "netplan" and new and netplan.fits_more(files, _netplan_id(found, name)):
        notes.append(f"a further interface that fits netplan's {_netplan_id(found, name)} will get the same addresses")
    known = _netplan_id(found, name) if chosen == "netplan" else name
    asks = [
        (chosen, static.label if chosen == "ifupdown" and static.label else known, str(static.ip)) for static in add
    ]
    return Keeping(name, chosen, new, tuple(words), tuple(lines), tuple(notes), tuple(asks) if new else ())


def _declared(found: HostInterfaces, name: str, chosen: str) -> tuple[Declared, ...]:
    files = _files(found, name, chosen)
    match chosen:
        case "networkd":
            return networkd.declared(files)
        case "ifupdown":
            return ifupdown.declared(files, name)
        case "netplan":
            return netplan.declared(files, _netplan_id(found, name))
        case "ifcfg":
            return ifcfg.declared(files, name)
    profile = found.profiles[name]
    return network_manager.declared(profile.name, profile.addresses)


def declared(found: HostInterfaces, name: str) -> frozenset[Address]:
    """Addresses that any of those who claim the interface keeps for it."""
    return frozenset(one.static.ip for who in claims(found, name) for one in _declared(found, name, who))


def _files(found: HostInterfaces, name: str, backend: str) -> dict[str, str]:
    match backend:
        case "networkd":
            unit, copy = found.units.get(name, ""), networkd.copy_path(name)
            if _is_shared(found, name):
                return {copy: found.files.get(copy) or networkd.copy(_of_unit(found, unit), name)}
            ours = networkd.drop_in(unit, name)
            own = {path: text for path, text in found.files.items() if path == ours}
            return (_of_unit(found, unit) if unit else {}) | own
        case "ifupdown":
            return {path: text for path, text in found.files.items() if path.startswith("/etc/network/")}
        case "netplan":
            return {path: text for path, text in found.files.items() if path.startswith(f"{netplan.DIRECTORY}/")}
        case "ifcfg":
            return {path: text for path, text in found.files.items() if path.startswith(ifcfg.DIRECTORY)}
    return {}


def _netplan_id(found: HostInterfaces, name: str) -> str:
    """What its files call the interface, which they may know by its card: netplan names by it what it makes of them."""
    unit = found.units.get(name, "").rpartition("/")[2]
    if unit.startswith("10-netplan-"):
        return unit.removeprefix("10-netplan-").removesuffix(".network")
    profile = found.profiles.get(name)
    return profile.name.removeprefix("netplan-") if profile and profile.name.startswith("netplan-") else name


def claims(found: HostInterfaces, name: str) -> list[str]:
    """Who has the interface, by its own files. netplan works by networkd or NetworkManager, that one by ifcfg files."""
    found_claims = []
    unit = found.units.get(name, "")
    if netplan.is_claimed(_files(found, name, "netplan"), _netplan_id(found, name)):
        found_claims.append("netplan")
    elif unit and not unit.startswith("/usr/lib/"):
        found_claims.append("networkd")
    kind = next((link.kind for link in found.links if link.name == name), "")
    # What another program makes NetworkManager has in memory only, as it is.
    if "netplan" not in found_claims and name in found.profiles and not (kind and found.profiles[name].in_memory):
        found_claims.append("network-manager")
    if any(
        stanza.name.partition(":")[0] == name
        for text in _files(found, name, "ifupdown").values()
        for stanza in ifupdown.parse(text)
    ):
        found_claims.append("ifupdown")
    if "network-manager" not in found_claims and ifcfg.path_of(name) in found.files:
        found_claims.append("ifcfg")
    return found_claims


def _chosen(found: HostInterfaces, name: str, backend: str | None) -> str:
    here = claims(found, name)
    if backend:
        is_there = bool(found.units) if backend == "networkd" else _TOOLS[backend] in found.tools
        if not is_there or (backend == "network-manager" and backend not in here):
            raise Refusal(f"interface_backend = {backend}: it is not at work for {name} on this host; leave it out")
        return backend
    if len(here) > 1:
        raise Refusal(
            f"{name} is claimed by {' and '.join(here)}: after a boot either may win; take it out of one of them, or "
            "say interface_backend"
        )
    if here:
        return here[0]
    if "netplan" in found.tools and _files(found, name, "netplan"):
        return "netplan"
    if found.units:
        return "networkd"
    for other in ("ifupdown", "ifcfg"):
        if _TOOLS[other] in found.tools:
            return other
    raise Refusal(
        f"nothing on this host keeps addresses of {name} across a boot, as far as can be seen (networkd, ifupdown, "
        "netplan, NetworkManager, ifcfg files); with persist=False it gets them until then"
    )
