"""Who can reach what of the hosts: a report, which changes nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pyinfra import host
from pyinfra.api import FunctionCommand, State
from pyinfra.api.operation import OperationMeta
from typing_extensions import Unpack

from hostwright.base.arguments import NamedArguments
from hostwright.base.observe import observe
from hostwright.base.refusal import Refusal
from hostwright.base.refusing import failing, named, refusing
from hostwright.base.settings import validated
from hostwright.planned import planned
from hostwright.reachability.facts import Reachability
from hostwright.reachability.plan import Report, as_json, complaint, draw, draw_pairs, judge, pairs
from hostwright.reachability.settings import ReachabilitySettings

_reports: WeakKeyDictionary[State, dict[str, Report]] = WeakKeyDictionary()


@named
def report(settings: Mapping[str, Any] | None = None, **arguments: Unpack[NamedArguments]) -> OperationMeta:
    """
    Show every address, listening socket and published port of the host, classed by who can reach it.

    + settings: the data of `deploys/reachability.py` by their keys without `reachability_`: `allow` (`tcp/22`,
        `udp/60000-61000`: what may be open to the Internet; without it nothing is judged), `public` (addresses of the
        host with the public one that 1:1 NAT gives each), `json_file` (a file on the controller)

    Fails where something is open to the Internet that is not allowed. Refused: a port or an address that is none, a
    public address that is not on the Internet, one of the host that it does not have.
    Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries, ip-address(8), ss(8).

    **Example:**

    .. code:: python

        from hostwright import reachability

        reachability.report({"allow": ["tcp/22", "tcp/443"]})
    """
    with refusing():
        wish = validated(ReachabilitySettings, settings or {})

    def look(arguments: Mapping[str, Any]) -> Report:
        return judge(observe(Reachability, arguments), wish.public, wish.allow)

    def drawn(here: Report) -> str:
        reports = _reports.setdefault(host.state, {})
        reports[host.name] = here
        text = draw(host.name, here)
        # The last one of the hosts has them all.
        is_last = len(reports) == host.state.inventory.len_active_hosts()
        return "\n\n".join([text, *([_together(reports, wish)] if is_last else [])]).rstrip("\n")

    def judged(here: Report) -> list[FunctionCommand]:
        return [failing(complaint(here))]

    return planned("Who can reach what", look, drawn, judged, arguments)


def _together(reports: Mapping[str, Report], wish: ReachabilitySettings) -> str:
    shared = list(pairs({name: one.found for name, one in reports.items()}))
    if wish.json_file:
        text = json.dumps(as_json(reports, shared), indent=2) + "\n"
        with refusing():
            try:
                Path(wish.json_file).write_text(text)
            except OSError as error:
                why, remedy = f"it cannot be written: {error.strerror}", "name a file that can, on the controller"
                raise Refusal(why, remedy, key=wish.key("json_file"), value=wish.json_file) from None
    return draw_pairs(shared) if shared else ""
