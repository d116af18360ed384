"""Set the restart policies of containers: `pyinfra inventory deploys/restart_policy.py`."""

from hostwright import docker

docker.deploy()
