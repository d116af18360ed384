"""What needs no host is refused before any is asked."""

from collections.abc import Callable
from typing import Any

import pytest
from pyinfra.api import Host

from hostwright import compose, docker, interface, lvm, mariadb, overlay, reachability
from hostwright.base import observe


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (lambda: lvm.rebalance(shrink_to="50%"), "lvm_shrink_to = '50%': "),
        (lambda: lvm.rebalance(shrink_to="5G", grow_to="5"), "lvm_grow_to = '5': "),
        (lambda: lvm.rebalance(shrink_to="5G", grow="home"), "lvm_grow = 'home': lvm_shrink names it too"),
        (lambda: lvm.rebalance(shrink_to="5G", staging="/a", scratch="/b"), "two ways to do the same"),
        (lambda: lvm.rebalance(shrink_to="5G", lock_wait="soon"), "lock_wait = 'soon': "),
        (lambda: lvm.rebalance(shrink_to="5G", plan_json=["x"]), r"lvm_plan_json = \['x'\]: no path of a file"),  # type: ignore[arg-type]
        (lambda: lvm.logical_volume("data", "x", "5"), "size = '5': "),
        (lambda: docker.restart_policy("x", "sometimes"), "docker_restart_policies: x = 'sometimes'|no restart policy"),
        (lambda: interface.address("e0", "10.0.0.6"), "interface_addresses = .* no prefix length"),
        (lambda: overlay.mount("/m", "a", "/u", "/w"), "overlay_mounts: /m: lower 'a' is no absolute path: "),
        (lambda: overlay.mount("/m", "/a", "/u"), "overlay_mounts: /m: upper is set, and work is not: "),
        (lambda: reachability.report({"allow": ["tcp"]}), "reachability_allow = "),
        (lambda: mariadb.server({"root_password": "hush hush", "init": ["/none/x.sql"]}), "mariadb_init = "),
        (lambda: compose.project("A B", "/opt/x", {"docker-compose.yml": "x"}), "no name"),
    ],
)
def test_no_host_is_asked(here: Host, monkeypatch: pytest.MonkeyPatch, refused: Callable[[], Any], said: str) -> None:
    def ask(*_: object, **__: object) -> None:
        raise AssertionError("a host was asked")

    monkeypatch.setattr(observe, "query", ask)
    monkeypatch.setattr(here, "get_fact", ask)
    monkeypatch.setattr(here, "run_shell_command", ask)
    with pytest.raises(Exception, match=said) as told:
        refused()
    assert "refused, nothing was changed" in str(told.value)
