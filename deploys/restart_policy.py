"""Set the restart policies of containers: `pyinfra inventory deploys/restart_policy.py`."""

from pyinfra import host

from hostwright.operations import docker, lock
from hostwright.planned import is_meant

if is_meant("docker_", ["restart_policies"], "restart_policies"):
    with lock.held(doing="setting restart policies", wait=lock.seconds("lock_wait", host.data.get("lock_wait", 60))):
        docker.restart_policies(host.data.get("docker_restart_policies"))
