"""What `deploys/reachability.py` does: it shows who can reach what of the hosts."""

from pyinfra import host

from hostwright.reachability.operations import report
from hostwright.reachability.settings import ReachabilitySettings


def deploy() -> None:
    report({name: host.data.get(f"reachability_{name}") for name in ReachabilitySettings.model_fields})
