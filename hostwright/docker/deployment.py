"""What `deploys/restart_policy.py` does: it sets the restart policies of containers."""

from hostwright.docker.operations import restart_policies
from hostwright.docker.settings import RestartPolicies
from hostwright.planned import told_about


def deploy() -> None:
    if said := told_about(RestartPolicies, "restart_policies"):
        restart_policies(said["restart_policies"])
