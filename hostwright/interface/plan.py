"""Which addresses an interface gets and loses, now and after a boot; and whether that could lock the controller out."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hostwright.base.refusal import Refusal
from hostwright.interface.backends.backend import Keeping
from hostwright.interface.backends.choice import declared, keep
from hostwright.interface.facts import HostInterfaces
from hostwright.interface.settings import AddressesSettings, InterfaceSettings
from hostwright.interface.static_address import Static
from hostwright.net.addresses import HostAddress
from hostwright.net.routes import Route

_ADDRESSES = AddressesSettings.key("addresses")


@dataclass(frozen=True)
class Change:
    """A change of the running interface.

    + run, undo: shell commands; either can be given twice
    + deletes: an address that goes, if only for a moment
    + looks: an address that nobody else may have
    """

    line: str
    run: str
    undo: str
    interface: str
    deletes: Static | None = None
    looks: Static | None = None


@dataclass(frozen=True)
class AddressPlan:
    """
    + running: changes of what is running, in this order
    + keepings: of what will be there after a boot, one for each interface that changes
    + guarded: the host undoes the changes unless the controller comes back over a new connection
    + back_to: the address by which it does
    """

    running: tuple[Change, ...]
    keepings: tuple[Keeping, ...]
    guarded: bool
    back_to: str
    notes: tuple[str, ...]

    @property
    def changes(self) -> bool:
        return bool(self.lines)

    @property
    def lines(self) -> tuple[str, ...]:
        return (
            *(change.line for change in self.running),
            *(line for keeping in self.keepings for line in keeping.lines),
        )


def decide(found: HostInterfaces, wish: AddressesSettings, persist: bool = True) -> AddressPlan:
    """
    + persist: also for the time after a boot
    """
    changes: list[Change] = []
    keepings: list[Keeping] = []
    notes: list[str] = []
    for name, wanted in wish.addresses.items():
        _check(found, name, wanted, wish)
        here = _running(found, name, wanted)
        changes += here
        notes += _lost_routes(found, here)
        if persist:
            keeping = keep(found, name, wanted, wish.backend)
            keepings += [keeping] if keeping.changes else []
            notes += keeping.notes
            # Another interface may be kept in the same file.
            files = {path: text for path, text in {**found.files, **keeping.files}.items() if text}
            found = replace(found, files=files)
    guarded = _could_cut(found, changes)
    back_to = _back_to(found, changes, wish)
    return AddressPlan(tuple(changes), tuple(keepings), guarded, back_to, tuple(notes))


def _check(found: HostInterfaces, name: str, wanted: InterfaceSettings, wish: AddressesSettings) -> None:
    links = {link.name: link for link in found.links}
    if real := next((link.name for link in found.links if name in link.others), ""):
        why = f"{name} is another name of {real}, by which all else here knows it"
        raise Refusal(why, f"write {real}", key=_ADDRESSES, value=name)
    if name not in links:
        why = f"there is no interface {name!r}; there are: {', '.join(sorted(links))}"
        raise Refusal(why, "name one of these", key=_ADDRESSES, value=name)
    master = links.get(links[name].master)
    # What is in a VRF keeps its addresses (vrf.rst of the kernel).
    if links[name].master and wanted.present and not (master and master.kind == "vrf"):
        why = f"{name} is a port of {links[name].master}, and gets no addresses"
        raise Refusal(why, f"give them to {links[name].master}", key=_ADDRESSES, value=name)
    for static in wanted.present:
        is_here = any(here.address.ip == static.ip for here in _on(found, name))
        for other in found.addresses:
            if is_here or other.interface == name or other.address.ip != static.ip or other.scope == "link":
                continue
            if any(static.ip == gone.ip for gone in _absent(wish, other.interface)):
                continue
            if found.way and found.way.address == static.ip:
                raise Refusal(
                    f"{static.ip} is on {other.interface}, and the address that this run is connected to",
                    f"give {name} another one",
                    key=_ADDRESSES,
                    value=name,
                )
            raise Refusal(
                f"{static.ip} is on {other.interface} already",
                f"take it from there first: {static.address} in absent of {other.interface}, in the same run",
                key=_ADDRESSES,
                value=name,
            )
        _check_scope(found, name, static, wanted)
        if static.label and static.label.partition(":")[0] != name:
            why = f"the label {static.label} of {static.address} must begin with {name}"
            raise Refusal(why, f"write {name}:1, say", key=_ADDRESSES, value=name)
    for static in wanted.absent:
        for here in _on(found, name):
            if here.address.ip == static.ip and (origin := _origin(found, here)):
                raise Refusal(
                    f"{static.ip} on {name} is not static ({origin}): it would come back",
                    "leave it out, or first stop what gives it to the interface",
                    key=_ADDRESSES,
                    value=name,
                )
    if wanted.exact and found.floating is None:
        raise Refusal(
            f"exact is set for {name}, and {found.user} may not read what keepalived or pacemaker move about: their "
            "addresses could be taken for static ones",
            "let pyinfra use sudo (_sudo, --sudo)",
            key=_ADDRESSES,
            value=name,
        )


def _check_scope(found: HostInterfaces, name: str, static: Static, wanted: InterfaceSettings) -> None:
    """IPv4 addresses of one network on one interface are of one scope: the kernel takes no others."""
    listed = {other.ip for other in (*wanted.present, *wanted.absent)}
    stay = [as_static(one) for one in _on(found, name) if one.address.ip not in listed and not wanted.exact]
    for other in (*wanted.present, *stay):
        if static.version == 4 and other.address.network == static.address.network and other.scope != static.scope:
            raise Refusal(
                f"{static.address} on {name} is to have the scope {static.scope}, and {other.address} has "
                f"{other.scope}: the kernel takes one scope for all addresses of a network",
                f"give both the same scope: {other.scope}, say",
                key=_ADDRESSES,
                value=name,
            )


def _absent(wish: AddressesSettings, interface: str) -> tuple[Static, ...]:
    settings = wish.addresses.get(interface)
    return settings.absent if settings else ()


def _on(found: HostInterfaces, name: str) -> list[HostAddress]:
    return [one for one in found.addresses if one.interface == name]


def is_static(found: HostInterfaces, here: HostAddress) -> bool:
    return not _origin(found, here) and not _is_given(found, here)


def _origin(found: HostInterfaces, here: HostAddress) -> str:
    """Where an address comes from that nobody wrote down for this interface, or nothing."""
    text = str(here.address.ip)
    if here.address.ip.is_loopback:
        return "loopback"
    if here.address.version == 6 and here.address.ip.is_link_local:
        return "link-local"
    if text in found.leased:
        return "from DHCP"
    if here.flags & {"dynamic", "temporary", "mngtmpaddr"} or here.valid is not None or here.protocol == "kernel_ra":
        return "from DHCP or router advertisements"
    if found.floating and text in found.floating:
        return "moved about by keepalived or pacemaker"
    return ""


def _is_given(found: HostInterfaces, here: HostAddress) -> bool:
    """Whether it looks as what networkd and NetworkManager make of an advertisement that is valid for ever."""
    managed = found.units.get(here.interface) or here.interface in found.profiles
    if here.address.version == 4 or "noprefixroute" not in here.flags or not managed:
        return False
    return here.address.ip not in declared(found, here.interface)


def as_static(here: HostAddress) -> Static:
    return Static(
        address=here.address,
        peer=here.peer,
        # By default an address is labelled with the interface.
        label=here.label if here.label != here.interface else "",
        scope=here.scope,
        # Of a permanent IPv4 address the kernel tells no lifetime, but that it is deprecated.
        preferred=0 if "deprecated" in here.flags else here.preferred,
        noprefixroute="noprefixroute" in here.flags,
        nodad="nodad" in here.flags,
    )


def is_as_wanted(found: HostInterfaces, here: HostAddress, wanted: Static) -> bool:
    # A kernel that has asked keeps no word of that; and one that has not does not ask again.
    static = replace(as_static(here), nodad=wanted.nodad)
    # NetworkManager makes the route itself, where the kernel would have, and says so to the kernel.
    if here.interface in found.profiles and not wanted.noprefixroute:
        static = replace(static, noprefixroute=False)
    return static == wanted and here.valid is None


def _running(found: HostInterfaces, name: str, wanted: InterfaceSettings) -> list[Change]:
    here = _on(found, name)
    changes: list[Change] = []
    gone: list[HostAddress] = []
    for static in wanted.present:
        same = [one for one in here if one.address.ip == static.ip]
        if any(is_as_wanted(found, one, static) for one in same):
            gone += [one for one in same if not is_as_wanted(found, one, static)]
        elif not same:
            changes.append(_add(found, name, static))
        elif replaced := [one for one in same if _can_be_replaced(one, static)]:
            changes.append(_replace(name, replaced[0], static))
            gone += [one for one in same if one not in replaced]
        elif static.version == 4 and all(one.address != static.address for one in same):
            # One IPv4 address may be there with two prefix lengths, so the new one comes first.
            changes.append(_add(found, name, static))
            gone += same
        else:
            changes += [_delete(found, name, one) for one in same]
            changes.append(_add(found, name, static))
    absent = {static.ip for static in wanted.absent}
    listed = {static.ip for static in wanted.present}
    gone += [one for one in here if one.address.ip in absent]
    if wanted.exact:
        gone += [one for one in here if is_static(found, one) and one.address.ip not in listed | absent]
    return [*changes, *(_delete(found, name, one) for one in gone)]


def _can_be_replaced(here: HostAddress, static: Static) -> bool:
    """What the kernel lets be changed of an address that is there: lifetimes, and IPv6's route."""
    old = as_static(here)
    if static.version == 6:
        old = replace(old, noprefixroute=static.noprefixroute)
    return replace(old, preferred=static.preferred, nodad=static.nodad) == static


def _add(found: HostInterfaces, name: str, static: Static) -> Change:
    options = f" ({', '.join(static.options())})" if static.options() else ""
    return Change(
        line=f"{name}: {static.address} is added{options}",
        run=_ip("address", "add", *_words(name, static)),
        undo=_removal(found, name, static),
        interface=name,
        looks=None if static.nodad else static,
    )


def _replace(name: str, here: HostAddress, static: Static) -> Change:
    return Change(
        line=f"{name}: {static.address} gets other options ({', '.join(static.options()) or 'none'})",
        run=_ip("address", "replace", *_words(name, static)),
        undo=_ip("address", "replace", *_words(name, as_static(here))),
        interface=name,
    )


def _delete(found: HostInterfaces, name: str, here: HostAddress) -> Change:
    static = as_static(here)
    run, undo = _removal(found, name, static), _ip("address", "add", *_words(name, static))
    for route in _routes_from(found, static):
        run += f" && {{ {_ip('route', 'replace', *route.text_without_source.split())} 2>/dev/null || :; }}"
        undo += f" && {{ {_ip('route', 'replace', *route.text.split())} 2>/dev/null || :; }}"
    return Change(f"{name}: {static.address} is removed", run, undo, name, deletes=static)


def _removal(found: HostInterfaces, name: str, static: Static) -> str:
    delete = _ip("address", "del", *_place(static), "dev", name)
    if static.version == 6 or found.promoted & {name, "all"}:
        return delete
    # Else the kernel takes the other addresses of its network with it.
    setting = shlex.quote(f"/proc/sys/net/ipv4/conf/{name}/promote_secondaries")
    return f"echo 1 >{setting} && {delete}; code=$?; echo 0 >{setting}; [ $code = 0 ]"


def _ip(*words: str) -> str:
    """As a shell takes it; what hosts call their interfaces, and their routes, is data as well."""
    return shlex.join(["ip", *words])


def _place(static: Static) -> list[str]:
    if static.peer:
        return [str(static.ip), "peer", f"{static.peer}/{static.address.network.prefixlen}"]
    return [str(static.address)]


def _words(name: str, static: Static) -> list[str]:
    words = [*_place(static), "dev", name]
    if static.version == 4 and not static.peer and static.address.network.prefixlen < 31:
        words += ["broadcast", "+"]
    if static.label:
        words += ["label", static.label]
    if static.scope != "global":
        words += ["scope", static.scope]
    words += [word for word, is_set in (("noprefixroute", static.noprefixroute), ("nodad", static.nodad)) if is_set]
    preferred = "forever" if static.preferred is None else str(static.preferred)
    return [*words, "valid_lft", "forever", "preferred_lft", preferred]


def _could_cut(found: HostInterfaces, changes: Iterable[Change]) -> bool:
    """Whether a change could cut the way by which the controller came: its address, its route, its interface."""
    way = found.way
    if way is None:
        return False
    for change in changes:
        # Where the host did not tell by which interface it answers, any may be it.
        if change.deletes and (way.interface in ("", change.interface) or change.deletes.ip == way.address):
            return True
        # A network that has the controller in it draws what is sent there to its interface.
        if change.looks and way.controller in change.looks.address.network:
            return True
    return False


def _back_to(found: HostInterfaces, changes: Iterable[Change], wish: AddressesSettings) -> str:
    way = found.way
    if way is None or not any(change.deletes and change.deletes.ip == way.address for change in changes):
        return wish.confirm_address or ""
    stays = any(static.ip == way.address for settings in wish.addresses.values() for static in settings.present)
    if not stays and not wish.allow_self:
        raise Refusal(
            f"{way.address} is the address that this run is connected to: without it nobody comes in that way any more",
            f"to move to another one say {wish.key('allow_self')}=yes, and {wish.key('confirm_address')}=ADDRESS for "
            "the one that the host has then",
            key=_ADDRESSES,
            value=str(way.address),
        )
    if not stays and not wish.confirm_address:
        raise Refusal(
            f"{way.address} goes, by which this run has come",
            f"say {wish.key('confirm_address')}=ADDRESS, by which it comes back to see that the host can be reached",
            key=wish.key("allow_self"),
            value=wish.allow_self,
        )
    return wish.confirm_address or ""


def _routes_from(found: HostInterfaces, static: Static) -> list[Route]:
    """IPv4 routes that name an address as their source, and would go with it; the kernel's own come and go with it."""
    if static.version == 6:
        return []
    return [
        route for route in found.routes if route.source == str(static.ip) and route.protocol != "kernel" and route.text
    ]


def _lost_routes(found: HostInterfaces, changes: Iterable[Change]) -> list[str]:
    return [
        f"the route {route.text!r} stays without its source, which goes, if another address reaches what it leads over"
        for change in changes
        if change.deletes
        for route in _routes_from(found, change.deletes)
    ]


def draw(host: str, names: Mapping[str, object], plan: AddressPlan) -> str:
    lines = [f"{host}: addresses of {', '.join(names)}"]
    lines += [f"  {line}" for line in plan.lines or ("nothing to change",)]
    if plan.guarded:
        back = f" ({plan.back_to})" if plan.back_to else ""
        lines.append(f"  guard: the host undoes this by itself unless we come back over a new connection{back}")
    return "\n".join([*lines, *(f"  note: {note}" for note in plan.notes)])
