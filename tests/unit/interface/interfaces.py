"""A host of whose interfaces nothing odd is known, for tests of addresses."""

from hostwright.interface.facts import HostInterfaces
from hostwright.net.links import Link

BARE = HostInterfaces(
    user="root",
    way=None,
    links=(Link("lo"),),
    addresses=(),
    promoted=frozenset({"all"}),
    routes=(),
    tools=frozenset({"systemd"}),
    units={},
    profiles={},
    files={},
    unreadable=(),
    leased=frozenset(),
    floating=frozenset(),
)
