"""Which of the backends keeps an interface, and what changes there."""

import re
from collections.abc import Sequence
from dataclasses import replace

from hostwright.base.refusal import Refusal
from hostwright.interface.backends import BACKENDS
from hostwright.interface.backends.backend import UNTIL_BOOT, Backend, Keeping
from hostwright.interface.facts import HostInterfaces
from hostwright.interface.settings import AddressesSettings, InterfaceSettings
from hostwright.interface.static_address import Declared, Static
from hostwright.net.addresses import Address

# More than a name it would be for some who read the files: shells, systemd, or patterns of names.
_NAME = re.compile(r"[A-Za-z0-9_.+-]+(:[A-Za-z0-9_.+-]+)?", re.ASCII)
_CLOUD = (
    "{path} is cloud-init's, which may write it anew: to stop that, write `network: {{config: disabled}}` to "
    "/etc/cloud/cloud.cfg.d/99-disable-network-config.cfg"
)
_ADDRESSES = AddressesSettings.key("addresses")


def keep(found: HostInterfaces, name: str, wanted: InterfaceSettings, backend: str | None) -> Keeping:
    if found.unreadable:
        raise Refusal(
            f"{found.user} may not read {found.unreadable[0]}, where addresses may be kept",
            "let pyinfra use sudo (_sudo, --sudo)",
        )
    for text in (name, *(static.label for static in wanted.present if static.label)):
        if not _NAME.fullmatch(text):
            raise Refusal(
                f"{text!r} cannot be kept across a boot, only letters, digits and _ . + - can",
                UNTIL_BOOT,
                key=_ADDRESSES,
                value=name,
            )
    chosen = _chosen(found, name, backend)
    for static in wanted.present:
        if reason := chosen.cannot(static):
            raise Refusal(
                f"{static.address} on {name} cannot be kept across a boot as it is wanted: {reason}",
                f"leave that out; {UNTIL_BOOT}",
                key=_ADDRESSES,
                value=name,
            )
    present = chosen.declared(found, name)
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
    if add:
        _check_claimed(found, name)
    here = {one.address.ip for one in found.addresses if one.interface == name} if wanted.exact else set()
    known = {one.static.ip for one in present}
    chosen.check(found, name, (here | absent | listed.keys()) - known)
    return _changed(found, name, chosen, add, remove) if add or remove else Keeping(name, chosen.name)


def _check_claimed(found: HostInterfaces, name: str) -> None:
    """Refuses what would be written, and not be there after a boot."""
    link = next((one for one in found.links if one.name == name), None)
    if link and link.kind and name not in found.netdevs and not claims(found, name):
        raise Refusal(
            f"{name} is a {link.kind} that no file of this host claims: what made it gives it its addresses, which a "
            "file of ours could take away",
            f"write them into the configuration of what made {name}; {UNTIL_BOOT}",
            key=_ADDRESSES,
            value=name,
        )


def _changed(
    found: HostInterfaces, name: str, chosen: Backend, add: Sequence[Static], remove: Sequence[Declared]
) -> Keeping:
    new = chosen.edited(found, name, add, [one.static for one in remove])
    where = new.where or ", ".join(new.files)
    lines = [f"{name}: {static.address} will be there after a boot ({where})" for static in add]
    lines += [f"{name}: {one.static.address} will not come back after a boot ({one.path})" for one in remove]
    notes = [_CLOUD.format(path=path) for path in new.files if "cloud-init" in found.files.get(path, "")]
    asks = [(chosen.name, chosen.called(found, name, static), str(static.ip)) for static in add]
    return replace(new, lines=tuple(lines), notes=(*notes, *new.notes), asks=tuple(asks) if new.files else ())


def declared(found: HostInterfaces, name: str) -> frozenset[Address]:
    """Addresses that any of those who claim the interface keeps for it."""
    return frozenset(one.static.ip for who in claims(found, name) for one in BACKENDS[who].declared(found, name))


def claims(found: HostInterfaces, name: str) -> list[str]:
    """Who has the interface, but for those by whom another one works that has it."""
    claiming: list[Backend] = []
    for one in BACKENDS.values():
        if not any(one.name in other.works_by for other in claiming) and one.claims(found, name):
            claiming.append(one)
    return [one.name for one in claiming]


def _chosen(found: HostInterfaces, name: str, backend: str | None) -> Backend:
    here = claims(found, name)
    if backend:
        one = BACKENDS[backend]
        if not one.is_there(found) or not (one.adopts or backend in here):
            raise Refusal(
                f"it is not at work for {name} on this host",
                "leave it out",
                key=AddressesSettings.key("backend"),
                value=backend,
            )
        return one
    if len(here) > 1:
        at_work = [who for who in here if BACKENDS[who].is_there(found)]
        remedy = "take it out of one of them"
        if at_work:
            remedy += f", or say {AddressesSettings.key('backend')}={' or '.join(at_work)}"
        raise Refusal(f"{name} is claimed by {' and '.join(here)}: after a boot either may win", remedy)
    if here:
        return BACKENDS[here[0]]
    for one in BACKENDS.values():
        if one.takes(found):
            return one
    raise Refusal(
        f"nothing on this host keeps addresses of {name} across a boot, as far as can be seen ({', '.join(BACKENDS)})",
        UNTIL_BOOT,
        key=_ADDRESSES,
        value=name,
    )
