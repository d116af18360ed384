"""What `deploys/restart_policy.py` does: it sets the restart policies of containers."""

from pyinfra import host

from hostwright.base.refusing import is_meant
from hostwright.docker.operations import restart_policies


def deploy() -> None:
    if is_meant("docker_", ["restart_policies"], "restart_policies"):
        restart_policies(host.data.get("docker_restart_policies"))
