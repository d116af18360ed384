"""Who can reach what of the hosts: a report, which changes nothing."""

from hostwright.reachability.deployment import deploy
from hostwright.reachability.operations import report

__all__ = ["deploy", "report"]
