"""netplan: netplan-yaml(5). Its files are edited where an address stands in them, so that comments stay.

Addresses are added in a file of their own, which netplan merges with the others; they are removed from whichever file
has them.
"""

from collections.abc import Iterable, Mapping, Sequence

import yaml

from hostwright.base.refusal import Refusal
from hostwright.interface.backends.backend import Backend, Keeping, sharing
from hostwright.interface.facts import HostInterfaces
from hostwright.interface.static_address import Declared, Static, written

DIRECTORY = "/etc/netplan"
OURS = f"{DIRECTORY}/90-hostwright.yaml"
KINDS = (
    "ethernets",
    "bonds",
    "bridges",
    "vlans",
    "wifis",
    "tunnels",
    "vrfs",
    "dummy-devices",
    "modems",
    "virtual-ethernets",
)


class Netplan(Backend):
    name = "netplan"
    works_by = ("networkd", "network-manager")

    def is_there(self, found: HostInterfaces) -> bool:
        return "netplan" in found.tools

    def takes(self, found: HostInterfaces) -> bool:
        return super().takes(found) and bool(_files(found))

    def claims(self, found: HostInterfaces, interface: str) -> bool:
        return is_claimed(_files(found), _id(found, interface))

    def cannot(self, static: Static) -> str:
        unknown = [name for name in static.options() if name not in ("label", "preferred")]
        if unknown:
            return f"netplan does not know {', '.join(unknown)} of an address"
        if static.preferred not in (None, 0):
            return "netplan knows a preferred lifetime of 0 or for ever only"
        if static.label and static.version == 6:
            return "a label is for IPv4"
        return ""

    def declared(self, found: HostInterfaces, interface: str) -> tuple[Declared, ...]:
        return declared(_files(found), _id(found, interface))

    def edited(self, found: HostInterfaces, interface: str, add: Sequence[Static], remove: Sequence[Static]) -> Keeping:
        files, known = _files(found), _id(found, interface)
        if others := sharing(found, interface):
            raise Refusal(
                f"netplan's {known} is for {' and '.join([interface, *others])}: addresses of one would come to all of "
                "them",
                "write an entry for each in its place (match by name or macaddress), then run again",
            )
        new = edited(files, known, add, remove)
        more = f"a further interface that fits netplan's {known} will get the same addresses"
        # netplan wants to be alone with its files.
        return Keeping(interface, self.name, new, notes=(more,) if new and fits_more(files, known) else (), mode=0o600)

    def called(self, found: HostInterfaces, interface: str, static: Static) -> str:  # noqa: ARG002 - others ask
        return _id(found, interface)


def _files(found: HostInterfaces) -> dict[str, str]:
    return {path: text for path, text in found.files.items() if path.startswith(f"{DIRECTORY}/")}


def _id(found: HostInterfaces, interface: str) -> str:
    """What its files call the interface, which they may know by its card: netplan names by it what it makes of them."""
    unit = found.units.get(interface, "").rpartition("/")[2]
    if unit.startswith("10-netplan-"):
        return unit.removeprefix("10-netplan-").removesuffix(".network")
    profile = found.profiles.get(interface)
    is_ours = profile and profile.name.startswith("netplan-")
    return profile.name.removeprefix("netplan-") if profile and is_ours else interface


def kind_of(files: Mapping[str, str], interface: str) -> str:
    """The part of the files that the interface is in; `ethernets` where none has it."""
    for path, text in files.items():
        for kind, name, _ in _definitions(path, text):
            if name == interface:
                return kind
    return "ethernets"


def is_claimed(files: Mapping[str, str], interface: str) -> bool:
    return any(name == interface for path, text in files.items() for _, name, _ in _definitions(path, text))


def fits_more(files: Mapping[str, str], interface: str) -> bool:
    """Whether its `match` has a pattern, or a driver: what comes later may fit, too."""
    for path, text in files.items():
        for _, name, node in _definitions(path, text):
            match = _child(node, "match") if name == interface else None
            patterns = _child(match, "name")
            if _child(match, "driver") or (patterns and set(str(patterns.value)) & set("*?[")):
                return True
    return False


def declared(files: Mapping[str, str], interface: str) -> tuple[Declared, ...]:
    return tuple(
        Declared(static, path) for path, text in files.items() for static, _ in _statics(path, text, interface)
    )


def edited(files: Mapping[str, str], interface: str, add: Sequence[Static], remove: Iterable[Static]) -> dict[str, str]:
    gone = set(remove)
    changed: dict[str, str] = {}
    for path, text in files.items():
        spots = [(static, item) for static, item in _statics(path, text, interface)]
        if path == OURS:
            continue
        new = text
        for static, item in reversed(spots):
            if static in gone:
                new = _cut(new, item)
        if new != text:
            changed[path] = _with_list(path, new, interface)
    ours = [static for static, _ in _statics(OURS, files.get(OURS, ""), interface)]
    wanted = [static for static in ours if static not in gone] + [static for static in add if static not in ours]
    if wanted != ours:
        changed[OURS] = _ours(files, interface, wanted)
    return changed


def _ours(files: Mapping[str, str], interface: str, wanted: Sequence[Static]) -> str:
    """Our own file is written anew: nobody else's words are in it."""
    known = yaml.safe_load(files.get(OURS, "") or "{}") or {}
    network = known.setdefault("network", {"version": 2})
    kind = kind_of({path: text for path, text in files.items() if path != OURS}, interface)
    network.setdefault(kind, {})[interface] = {"addresses": [_item(static) for static in wanted]}
    if not wanted:
        del network[kind][interface]
        if not network[kind]:
            del network[kind]
        if set(network) == {"version"}:
            return ""
    return str(yaml.safe_dump(known, sort_keys=False))


def _item(static: Static) -> str | dict[str, dict[str, str | int]]:
    options: dict[str, str | int] = {}
    if static.label:
        options["label"] = static.label
    if static.preferred == 0:
        options["lifetime"] = 0
    return {str(static.address): options} if options else str(static.address)


def _definitions(path: str, text: str) -> list[tuple[str, str, yaml.MappingNode]]:
    """Kind, interface and what is said of it."""
    try:
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise Refusal(f"{path} is no YAML: {' '.join(str(error).split())}", "put it right first") from None
    network = _child(top, "network")
    found = []
    for kind in KINDS:
        part = _child(network, kind)
        if isinstance(part, yaml.MappingNode):
            found += [(kind, key.value, value) for key, value in part.value if isinstance(value, yaml.MappingNode)]
    return found


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _addresses(path: str, text: str, interface: str) -> list[yaml.SequenceNode]:
    lists = (_child(node, "addresses") for _, name, node in _definitions(path, text) if name == interface)
    return [one for one in lists if isinstance(one, yaml.SequenceNode)]


def _statics(path: str, text: str, interface: str) -> list[tuple[Static, yaml.Node]]:
    return [(_static(item, path), item) for some in _addresses(path, text, interface) for item in some.value]


def _static(item: yaml.Node, path: str) -> Static:
    if not isinstance(item, yaml.MappingNode) or not item.value:
        return Static(written(str(item.value), path))
    key, options = item.value[0]
    label, lifetime = _child(options, "label"), _child(options, "lifetime")
    return Static(
        written(key.value, path),
        label=str(label.value) if label else "",
        preferred=0 if lifetime and str(lifetime.value) == "0" else None,
    )


def _cut(text: str, item: yaml.Node) -> str:
    """Without an item of a list, in either of the two ways to write one."""
    start, end = item.start_mark.index, _end(item)
    line = text.rfind("\n", 0, start) + 1
    if text[line:start].strip() == "-":
        stop = text.find("\n", end)
        return text[:line] + (text[stop + 1 :] if stop >= 0 else "")
    # [a, b]: with the comma after it, or else the one before.
    after = text[end:].lstrip()
    if after.startswith(","):
        return text[:start] + after[1:].lstrip()
    return text[:start].rstrip().removesuffix(",") + text[end:]


def _end(node: yaml.Node) -> int:
    """Where its last word ends: a block goes on, for YAML, up to what comes after it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _with_list(path: str, text: str, interface: str) -> str:
    """A list that has lost its last item, written item by item, is nothing at all then, which netplan does not take."""
    for _, name, node in _definitions(path, text):
        if name != interface:
            continue
        for key, value in node.value:
            if key.value == "addresses" and isinstance(value, yaml.ScalarNode) and not value.value:
                at = key.end_mark.index
                colon = text.index(":", at) + 1
                return f"{text[:colon]} []{text[colon:]}"
    return text
