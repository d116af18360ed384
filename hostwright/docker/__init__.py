"""Containers of Docker and Podman."""

from hostwright.docker.deployment import deploy
from hostwright.docker.operations import restart_policies, restart_policy

__all__ = ["deploy", "restart_policies", "restart_policy"]
