"""NetworkManager: nm-settings-nmcli(5). Profiles are changed by nmcli alone, whatever keeps them."""

from collections.abc import Iterable, Sequence

from hostwright.plans.static_address import Declared, Static, written


def cannot(static: Static) -> str:
    options = static.options()
    return f"NetworkManager does not know {', '.join(options)} of an address" if options else ""


def declared(profile: str, addresses: Sequence[str]) -> tuple[Declared, ...]:
    """
    + profile: the name of the connection that is active on the interface
    + addresses: as nmcli has them, of both families
    """
    where = f"connection {profile}"
    return tuple(Declared(Static(written(text, where)), where) for text in addresses)


def arguments(
    methods: dict[int, str], present: Iterable[Static], add: Sequence[Static], remove: Sequence[Static]
) -> list[str]:
    """What `nmcli connection modify NAME` is told, word by word.

    + methods: `ipv4.method` and `ipv6.method` as they are, by 4 and 6
    + present: all that the profile declares now
    """
    words: list[str] = []
    for version in (4, 6):
        here = [static.address for static in present if static.version == version]
        gone = [static.address for static in remove if static.version == version]
        new = [static.address for static in add if static.version == version]
        left = [address for address in here if address not in gone] + new
        method = methods.get(version, "auto")
        if new and method in ("disabled", "link-local", "ignore"):
            # Without addresses nmcli does not take `manual`: both in one call.
            words += [f"ipv{version}.method", "manual"]
        if not left and gone and method == "manual":
            words += [f"ipv{version}.method", "disabled" if version == 4 else "link-local"]
        words += [word for address in gone for word in (f"-ipv{version}.addresses", str(address))]
        words += [word for address in new for word in (f"+ipv{version}.addresses", str(address))]
    return words
