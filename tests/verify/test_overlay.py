"""What `deploys/overlay.py` leaves behind: each overlay as it is wished, now and after a boot."""

from collections.abc import Callable

import pytest
from pyinfra.api.host import Host as Target

from hostwright.base.settings import validated
from hostwright.base.verify import Host
from hostwright.overlay.facts import HostOverlays, Overlays
from hostwright.overlay.plan.mounts import asked, decide
from hostwright.overlay.settings import OverlayMount, OverlaySettings
from hostwright.overlay.verify import Overlay


@pytest.fixture(scope="session")
def wishes(target: Target) -> tuple[OverlayMount, ...]:
    if not target.data.get("overlay_mounts"):
        pytest.skip(f"{target.name} has no overlay_mounts")
    return validated(OverlaySettings, {"mounts": target.data.overlay_mounts}).mounts


def test_there_is_nothing_left_to_do(observed: Callable[..., HostOverlays], wishes: tuple[OverlayMount, ...]) -> None:
    assert decide(observed(Overlays, **asked(wishes)), wishes).steps == ()


def test_each_is_there_as_it_is_wished(host: Host, wishes: tuple[OverlayMount, ...]) -> None:
    for wish in wishes:
        there = Overlay(host, wish.target)
        assert there.exists is wish.present
        assert there.is_persistent is (wish.present and wish.persist)
        if wish.present:
            assert len(there.lower) == len(wish.lower)
            assert there.is_read_only is (wish.upper is None or "ro" in wish.options)
