"""NetworkManager: nm-settings-nmcli(5). Profiles are changed by nmcli alone, whatever keeps them."""

from collections.abc import Sequence

from hostwright.base.refusal import Refusal
from hostwright.interface.backends.backend import Backend, Keeping
from hostwright.interface.facts import HostInterfaces, Profile
from hostwright.interface.static_address import Declared, Static, written


class NetworkManager(Backend):
    name = "network-manager"
    adopts = False
    works_by = ("ifcfg",)

    def is_there(self, found: HostInterfaces) -> bool:
        return "nmcli" in found.tools

    def claims(self, found: HostInterfaces, interface: str) -> bool:
        profile = found.profiles.get(interface)
        kind = next((link.kind for link in found.links if link.name == interface), "")
        # What another program makes NetworkManager has in memory only, as it is.
        return profile is not None and not (kind and profile.in_memory)

    def cannot(self, static: Static) -> str:
        options = static.options()
        return f"NetworkManager does not know {', '.join(options)} of an address" if options else ""

    def declared(self, found: HostInterfaces, interface: str) -> tuple[Declared, ...]:
        profile = found.profiles[interface]
        return declared(profile.name, profile.addresses)

    def edited(self, found: HostInterfaces, interface: str, add: Sequence[Static], remove: Sequence[Static]) -> Keeping:
        profile = found.profiles[interface]
        present = [one.static for one in self.declared(found, interface)]
        words = arguments(profile, present, add, remove)
        command = ("nmcli", "connection", "modify", profile.uuid, *words) if words else ()
        return Keeping(interface, self.name, command=command, where=f"connection {profile.name}")


def declared(profile: str, addresses: Sequence[str]) -> tuple[Declared, ...]:
    """
    + profile: the name of the connection that is active on the interface
    + addresses: as nmcli has them, of both families
    """
    where = f"connection {profile}"
    return tuple(Declared(Static(written(text, where)), where) for text in addresses)


def arguments(
    profile: Profile, present: Sequence[Static], add: Sequence[Static], remove: Sequence[Static]
) -> list[str]:
    """What `nmcli connection modify NAME` is told, word by word.

    + present: all that the profile declares now
    """
    words: list[str] = []
    for version in (4, 6):
        here = [static.address for static in present if static.version == version]
        gone = [static.address for static in remove if static.version == version]
        new = [static.address for static in add if static.version == version]
        left = [address for address in here if address not in gone] + new
        method = profile.methods.get(version, "auto")
        if new and method in ("disabled", "link-local", "ignore"):
            # Without addresses nmcli does not take `manual`: both in one call.
            words += [f"ipv{version}.method", "manual"]
        if not left and gone:
            _check_others(profile, version, method)
        if not left and gone and method == "manual":
            words += [f"ipv{version}.method", "disabled" if version == 4 else "link-local"]
        words += [word for address in gone for word in (f"-ipv{version}.addresses", str(address))]
        words += [word for address in new for word in (f"+ipv{version}.addresses", str(address))]
    return words


def _check_others(profile: Profile, version: int, method: str) -> None:
    """A gateway stands only beside an address; name servers do not stand in a family that is off (libnm-core)."""
    fields = ["gateway"] + (["dns", "dns-search"] if method == "manual" else [])
    kept = [key for key in (f"ipv{version}.{field}" for field in fields) if key in profile.others]
    if kept:
        has = ", ".join(f"{key} = {profile.others[key]}" for key in kept)
        clear = " ".join(f"{key} ''" for key in kept)
        raise Refusal(
            f"connection {profile.name} would have no IPv{version} address any more, and has {has}, which "
            "NetworkManager takes beside one only",
            "give it another address in the same run, or clear that first (nmcli connection modify "
            f"{profile.uuid} {clear})",
        )
