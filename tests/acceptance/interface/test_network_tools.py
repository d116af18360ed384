"""Whatever the files of a host are like: no address is lost, and none comes to another interface. The tools judge."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_interface

import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from hostwright.base.refusal import Refusal
from hostwright.base.scripts import whole
from hostwright.base.settings import validated
from hostwright.interface.backends.backend import Keeping
from hostwright.interface.facts import HostInterfaces, Profile
from hostwright.interface.operations import _packed, _told
from hostwright.interface.plan import AddressPlan, decide
from hostwright.interface.settings import AddressesSettings
from hostwright.interface.static_address import Static
from hostwright.net.addresses import parse_addresses
from hostwright.net.links import Link
from tests.lab.network_tools import Addresses, Tools, tools
from tests.unit.interface.interfaces import BARE

pytestmark = [pytest.mark.matrix, pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces, and a root for them")]

Files = Mapping[str, str]
LINKS = {"eth0": "02:00:00:00:00:10", "eth1": "02:00:00:00:00:11", "eth2": "02:00:00:00:00:12"}
BASE = replace(BARE, links=(Link("lo"), *(Link(name, mac=mac) for name, mac in LINKS.items())))
POOL = ("10.1.0.5/24", "10.1.0.6/24", "10.2.0.7/16", "10.3.0.1/32", "fd00::5/64", "fd00::6/64", "fd01::7/128")
some = st.lists(st.sampled_from(POOL), unique=True, max_size=3)


@st.composite
def drawn_wishes(draw: st.DrawFn) -> dict[str, object]:
    named = draw(st.lists(st.sampled_from(POOL), unique=True, min_size=1, max_size=4))
    present = draw(st.integers(0, len(named)))
    return {"present": named[:present], "absent": named[present:], "exact": draw(st.booleans())}


wishes = drawn_wishes()
ends = st.sampled_from(["\n", "\n", "\r\n"])
# Each example costs a start of the tool; what is found is not made smaller, but printed.
often = settings(max_examples=15, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    return tools(tmp_path_factory.mktemp("judge") / "files")


def is_judged(
    ask: Callable[[Files], Addresses],
    files: Files,
    wish: dict[str, object],
    found: HostInterfaces,
    backend: str,
    keep: Callable[[Files, str], tuple[str, dict[str, str]]] | None = None,
) -> None:
    """Plans what is wished for eth1, and asks the tool what it would make of the files before and after."""
    before = ask(files)
    running = [
        f"{number}: {name}    {'inet6' if ':' in text else 'inet'} {text} scope global {'' if ':' in text else name} \\"
        "       valid_lft forever preferred_lft forever"
        for number, (name, some) in enumerate(before.items())
        for text in some
    ]
    found = replace(found, files=files, addresses=parse_addresses(running))
    asked = validated(AddressesSettings, {"addresses": {"eth1": wish}, "backend": backend})
    try:
        plan: AddressPlan = decide(found, asked)
    except Refusal as refusal:
        event(f"refused: {str(refusal)[:60]}")
        return
    changed = {path: text for keeping in plan.keepings for path, text in keeping.files.items()}
    event("changed" if changed else "as wanted")
    after = ask({path: text for path, text in {**files, **changed}.items() if text})
    said = f"{files}\n{wish}\n{changed}\n{plan.lines}"
    for name in LINKS:
        if name != "eth1":
            assert after.get(name, set()) == before.get(name, set()), said
    if keep and changed:
        _is_kept(files, plan, changed, keep)
    wished = asked.addresses["eth1"]
    kept = set() if wished.exact else {text for text in before.get("eth1", set()) if _stays(text, wished.absent)}
    # The same address with another prefix length takes the place of the old one.
    kept = {text for text in kept if _stays(text, wished.present)}
    assert after.get("eth1", set()) == kept | {str(static.address) for static in wished.present}, said


def _is_kept(
    files: Files, plan: AddressPlan, changed: Files, keep: Callable[[Files, str], tuple[str, dict[str, str]]]
) -> None:
    """The host itself asks the tool before a file counts, and puts none in place where it answers no."""
    said, there = keep(files, _script(plan))
    assert "failed" not in said, said
    assert there == {path: text for path, text in {**files, **changed}.items() if text}
    odd = tuple(replace(keeping, asks=((keeping.backend, "eth1", "192.0.2.9"),)) for keeping in plan.keepings)
    said, there = keep(files, _script(replace(plan, keepings=odd)))
    assert f"{odd[0].backend} would not set 192.0.2.9 on eth1 at the next boot" in said
    assert there == files


def _script(plan: AddressPlan) -> str:
    return whole(f"{_told(plan, 0, '1', ':')}\nkeep || exit\n", _packed(plan))


def _stays(text: str, gone: tuple[Static, ...]) -> bool:
    return all(ip_interface(text).ip != static.ip for static in gone)


# -- systemd-networkd

lines_of_networkd = st.sampled_from(["# by hand", "", "DNS=10.1.0.1", "LLDP=no", "; old"])


@st.composite
def unit(draw: st.DrawFn) -> str:
    match = draw(
        st.sampled_from(["Name=eth1", "Name=eth*", "Name=eth0 eth1", "Type=ether", "MACAddress=02:00:00:00:00:11"])
    )
    parts = [
        "[Match]",
        match,
        *draw(st.lists(st.sampled_from(["# all", ""]), max_size=1)),
        "[Network]",
        "LinkLocalAddressing=no",
        "IPv6AcceptRA=no",
    ]
    parts += draw(st.lists(lines_of_networkd, max_size=2))
    for text in draw(some):
        form = draw(st.sampled_from(["Address={}", "Address = {}", "  Address={}", "[Address]\nAddress={}\n# its own"]))
        parts.append(form.format(text))
    return draw(ends).join("\n".join([*parts, ""]).split("\n"))


@often
@given(st.dictionaries(st.sampled_from(["05-a", "10-b", "30-c"]), unit(), min_size=1, max_size=2), some, wishes)
def test_networkd(judge: Tools, units: dict[str, str], dropped_in: list[str], wish: dict[str, object]) -> None:
    files = {f"/etc/systemd/network/{name}.network": text for name, text in units.items()}
    if dropped_in:
        text = "".join(f"[Address]\nAddress={address}\n" for address in dropped_in)
        files |= {f"/etc/systemd/network/{next(iter(units))}.network.d/hostwright.conf": text}

    def ask(given: Files) -> Addresses:
        lines, _ = judge.networkd(given, LINKS)
        found: Addresses = {name: set() for name in LINKS}
        for one in parse_addresses(lines):
            if one.interface in LINKS and one.scope == "global":
                found[one.interface].add(str(one.address))
        return found

    applied = dict.fromkeys(LINKS, "") | judge.networkd(files, LINKS)[1]
    is_judged(ask, files, wish, replace(BASE, units=applied), "networkd")


# -- ifupdown, and ifupdown2


@st.composite
def stanzas(draw: st.DrawFn, several: bool) -> str:
    parts = []
    for name in draw(st.lists(st.sampled_from(["eth0", "eth1", "eth1", "eth2"]), max_size=3)):
        addresses = draw(st.lists(st.sampled_from(POOL), unique=True, min_size=1, max_size=3 if several else 1))
        family = "inet6" if ":" in addresses[0] else "inet"
        bare = several and draw(st.booleans())
        if not bare:
            addresses = [text for text in addresses if (":" in text) == (family == "inet6")]
        parts += draw(st.sampled_from([[f"auto {name}"], ["# by hand", f"auto  {name}"], [f"allow-hotplug {name}"]]))
        parts.append(f"iface {name}" if bare else f"iface {name} {family} static")
        for text in addresses:
            place = ip_interface(text)
            if len(addresses) == 1 and place.version == 4 and draw(st.booleans()):
                parts += [f"\taddress {place.ip}", f"\tnetmask {place.netmask}"]
            else:
                parts.append(f"{draw(st.sampled_from(['    ', '  ', chr(9)]))}address  {text}")
        parts += draw(st.lists(st.sampled_from(["", "    # its own", "    mtu 1400"]), max_size=2))
    return "\n".join([*parts, ""])


SOURCES = ("source /etc/network/interfaces.d/*", "source\t/etc/network/interfaces.d/*", "source interfaces.d/*", "")


def of_ifupdown(several: bool) -> st.SearchStrategy[dict[str, str]]:
    def put(source: str, main: str, other: str) -> dict[str, str]:
        files = {"/etc/network/interfaces": f"{source}\nauto lo\niface lo inet loopback\n\n{main}"}
        return {**files, "/etc/network/interfaces.d/lan": other} if source and other else files

    return st.builds(put, st.sampled_from(SOURCES), stanzas(several), stanzas(several))


@often
@given(of_ifupdown(several=False), wishes)
def test_ifupdown(judge: Tools, files: dict[str, str], wish: dict[str, object]) -> None:
    found = replace(BASE, tools=frozenset({"ifup"}))

    def keep(given: Files, script: str) -> tuple[str, dict[str, str]]:
        return judge.keep(given, script, "/etc/network", "/opt/ifupdown/sbin")

    is_judged(lambda given: judge.ifupdown(given, list(LINKS)), files, wish, found, "ifupdown", keep)


@often
@given(of_ifupdown(several=True), wishes)
def test_ifupdown2(judge: Tools, files: dict[str, str], wish: dict[str, object]) -> None:
    found = replace(BASE, tools=frozenset({"ifup"}))

    def keep(given: Files, script: str) -> tuple[str, dict[str, str]]:
        return judge.keep(given, script, "/etc/network")

    is_judged(lambda given: judge.ifupdown2(given, list(LINKS)), files, wish, found, "ifupdown", keep)


# -- netplan


@st.composite
def yaml(draw: st.DrawFn) -> str:
    parts = ["network:", "  version: 2", "  ethernets:"]
    for name in draw(st.lists(st.sampled_from(list(LINKS)), unique=True, min_size=1)):
        parts += [f"    {name}:", *draw(st.sampled_from([[], ["      # by hand"], ["      mtu: 1400"]]))]
        addresses = draw(some)
        if draw(st.booleans()):
            parts.append(f"      addresses: [{', '.join(addresses)}]")
        else:
            parts += (
                ["      addresses:", *(f"        - {text}  # an address" for text in addresses)] if addresses else []
            )
        parts.append("      optional: true")
    return "\n".join([*parts, ""])


@often
@given(st.dictionaries(st.sampled_from(["10-a", "50-b", "95-c"]), yaml(), min_size=1), wishes)
def test_netplan(judge: Tools, texts: dict[str, str], wish: dict[str, object]) -> None:
    found = replace(BASE, tools=frozenset({"netplan"}), units=dict.fromkeys(LINKS, ""))
    files = {f"/etc/netplan/{name}.yaml": text for name, text in texts.items()}
    is_judged(
        judge.netplan, files, wish, found, "netplan", lambda given, script: judge.keep(given, script, "/etc/netplan")
    )


def test_an_address_that_another_one_begins_with_is_not_taken_for_it(judge: Tools) -> None:
    files = {"/etc/netplan/a.yaml": "network: {version: 2, ethernets: {eth1: {addresses: [fd00::6:1/64]}}}\n"}
    asks = (("netplan", "eth1", "fd00::6"),)
    keeping = Keeping("eth1", "netplan", {"/etc/netplan/b.yaml": "network: {version: 2}\n"}, asks=asks)
    plan = AddressPlan((), (keeping,), guarded=False, back_to="", notes=())
    said, there = judge.keep(files, _script(plan), "/etc/netplan")
    assert "netplan would not set fd00::6 on eth1 at the next boot" in said
    assert there == files


# -- NetworkManager


@often
@given(some, st.sampled_from(["auto", "manual"]), st.booleans(), wishes)
def test_nmcli_takes_what_it_is_told(
    judge: Tools, have: list[str], method: str, gateway: bool, wish: dict[str, object]
) -> None:
    by_family = {version: [text for text in have if (":" in text) == (version == 6)] for version in (4, 6)}
    methods = {version: method if by_family[version] else "auto" for version in (4, 6)}
    words = []
    for version in (4, 6):
        words += [f"ipv{version}.method", methods[version], f"ipv{version}.addresses", ",".join(by_family[version])]
    others = {"ipv4.gateway": "10.1.0.1"} if gateway and by_family[4] else {}
    words += [word for pair in others.items() for word in pair]
    profile = judge.nmcli("add", "type", "ethernet", "con-name", "lan", *words)
    running = [
        f"2: eth1    {'inet6' if ':' in text else 'inet'} {text} scope global noprefixroute eth1\\ valid_lft forever"
        for text in have
    ]
    found = replace(
        BASE,
        tools=frozenset({"nmcli"}),
        profiles={"eth1": Profile("u", "lan", methods, tuple(have), others)},
        addresses=parse_addresses(running),
    )
    try:
        plan = decide(found, validated(AddressesSettings, {"addresses": {"eth1": wish}}))
    except Refusal as refusal:
        event(f"refused: {str(refusal)[:60]}")
        return
    for keeping in plan.keepings:
        profile = judge.nmcli("modify", *keeping.command[4:], profile=profile)
    wished = validated(AddressesSettings, {"addresses": {"eth1": wish}}).addresses["eth1"]
    kept = set() if wished.exact else {text for text in have if _stays(text, (*wished.absent, *wished.present))}
    is_there = {line.split("=")[1].split(",")[0] for line in profile.splitlines() if line.startswith("address")}
    assert is_there == kept | {str(static.address) for static in wished.present}, profile
