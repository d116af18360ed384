"""Addresses that a command sets when ifupdown raises an interface: `up ip address add 10.0.0.7/24 dev $IFACE`, say."""

import re
import shlex

from hostwright.interface.ifconfig import understood
from hostwright.interface.static_address import Static, written

_SETS = re.compile(r"\bifconfig\s|\bip\s(-\S+\s+)*a(d(d(r(e(s(s)?)?)?)?)?)?\s+(a(d(d)?)?|replace|change)\s")
# What follows these is known without them, or does not matter.
_PAIRS = ("brd", "broadcast", "dev", "label", "scope", "valid_lft", "preferred_lft")


def names(command: str, text: str) -> bool:
    """Whether it is one that sets addresses, and this one is in it."""
    return bool(_SETS.search(f"{command} ")) and bool(re.search(rf"(?<![\w.:]){re.escape(text)}(?![\w.:])", command))


def address_set_by(command: str, interface: str, path: str) -> Static | None:
    """
    + interface: whose it is, `$IFACE` in it: `eth0`, or `eth0:1`
    + path: the file that has it
    """
    command = re.sub(r"\s*\|\|\s*(true|:)\s*$", "", command)
    command = re.sub(r"\$\{?IFACE\}?(?!\w)", interface, command)
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if not _SETS.search(f"{command} ") or set(command) & set(";&|<>$`(){}"):
        return None
    program, *words = words
    if program.rpartition("/")[2] == "ifconfig":
        return _by_ifconfig(words, interface, path)
    if program.rpartition("/")[2] != "ip":
        return None
    return _by_ip([word for word in words if not word.startswith("-")], interface, path)


def _by_ip(words: list[str], interface: str, path: str) -> Static | None:
    _, _, address, *rest = [*words, "", "", ""]
    said: dict[str, str] = {}
    flags: set[str] = set()
    while rest:
        word = rest.pop(0)
        if word in _PAIRS and rest:
            said[word] = rest.pop(0)
        elif word in ("noprefixroute", "nodad"):
            flags.add(word)
        elif word:
            return None
    preferred, label = said.get("preferred_lft", "forever"), said.get("label", "")
    if "/" not in address or said.get("dev") != interface.partition(":")[0] or preferred not in ("0", "forever"):
        return None
    if said.get("valid_lft", "forever") != "forever":
        return None
    return Static(
        address=written(address, path),
        label="" if label == said["dev"] else label,
        scope=said.get("scope", "global"),
        preferred=0 if preferred == "0" else None,
        noprefixroute="noprefixroute" in flags,
        nodad="nodad" in flags,
    )


def _by_ifconfig(words: list[str], interface: str, path: str) -> Static | None:
    if words[-1:] == ["up"]:
        words = words[:-1]
    if "broadcast" in words[:-1]:
        at = words.index("broadcast")
        words = words[:at] + words[at + 2 :]
    try:
        known = understood(" ".join(words))
    except ValueError:
        return None
    if not known.present or "/" not in known.address or known.interface != interface.partition(":")[0]:
        return None
    return Static(written(known.address, path), label=known.label)
