"""Who can reach what of the hosts: a report, which changes nothing."""

import json
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pyinfra import host
from pyinfra.api import FunctionCommand, State, operation
from pyinfra.api.exceptions import DeployError
from pyinfra.api.operation import OperationMeta

from hostwright.facts.observe import observe
from hostwright.facts.reachability import HostReachability, Reachability
from hostwright.operations.replanning import failing
from hostwright.plans.reachability import Report, as_json, complaint, draw, draw_pairs, judge, pairs
from hostwright.refusal import Refusal
from hostwright.settings import validated
from hostwright.settings_reachability import ReachabilitySettings
from hostwright.transport import echo

_reports: WeakKeyDictionary[State, dict[str, Report]] = WeakKeyDictionary()


def report(settings: Mapping[str, Any] | None = None, **arguments: Any) -> OperationMeta:
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

        from hostwright.operations import reachability

        reachability.report({"allow": ["tcp/22", "tcp/443"]})
    """
    try:
        wish = validated(ReachabilitySettings, "reachability_", settings or {})
        found: HostReachability | None = observe(Reachability, arguments)
        if found is None:
            raise Refusal("the host did not tell what it listens to (see the error above)")
        here = judge(found, wish.public, wish.allow)
    except Refusal as refusal:
        raise DeployError(f"{host.name}: refused: {refusal}") from None
    echo(f"\n{draw(host.name, here)}\n")
    reports = _reports.setdefault(host.state, {})
    reports[host.name] = here
    # The last one of the hosts has them all.
    if len(reports) == host.state.inventory.len_active_hosts():
        _together(reports, wish)
    return _judge(here=here, **({"name": "Who can reach what"} | arguments))


def _together(reports: Mapping[str, Report], wish: ReachabilitySettings) -> None:
    shared = list(pairs({name: one.found for name, one in reports.items()}))
    if shared:
        echo(f"{draw_pairs(shared)}\n")
    if wish.json_file:
        try:
            Path(wish.json_file).write_text(json.dumps(as_json(reports, shared), indent=2) + "\n")
        except OSError as error:
            raise DeployError(f"reachability_json_file = {wish.json_file!r}: {error.strerror}") from None


@operation()
def _judge(here: Report) -> Generator[FunctionCommand, None, None]:
    if here.forbidden or here.unjudged:
        yield failing(complaint(here))
    else:
        host.noop("nothing is open that may not be")
