"""What `deploys/reachability.py` does: it shows who can reach what of the hosts."""

from hostwright.planned import told
from hostwright.reachability.operations import report
from hostwright.reachability.settings import ReachabilitySettings


def deploy() -> None:
    report(told(ReachabilitySettings))
