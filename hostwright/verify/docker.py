"""Containers of Docker and Podman.

Sources: docker-inspect(1), podman-inspect(1).
"""

import shlex

from hostwright.verify.commands import Host, succeeds

# Before a command, and with the user's name after it.
_AS_USER = (
    """sh -c 'cd / && run=/run/user/$(id -u "$0") && home=$(getent passwd "$0" | cut -d : -f 6) && """
    """exec runuser -u "$0" -- env HOME="$home" XDG_RUNTIME_DIR="$run" DOCKER_HOST="unix://$run/docker.sock" "$@"' """
)


class Container:
    """Test a container

    >>> Container(host, "web").restart_policy
    'unless-stopped'

    + engine: `docker` or `podman`; without it docker, or podman if docker has no such container
    + user: whose own engine it is, if it is not root's
    """

    def __init__(self, host: Host, name: str, engine: str = "", user: str = "") -> None:
        self.host = host
        self.name = name
        self.engine = engine
        self.user = user

    def __repr__(self) -> str:
        return f"<container {self.name}>"

    @property
    def exists(self) -> bool:
        return succeeds(self.host, f"{self._engine} inspect --type container %s", self.name)

    @property
    def is_running(self) -> bool:
        return self._said("{{.State.Running}}") == "true"

    @property
    def restart_policy(self) -> str:
        """As `docker run --restart` takes it

        >>> Container(host, "db").restart_policy
        'on-failure:5'
        """
        # Podman before 5 has no name for none.
        name, _, retries = self._said(
            "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}"
        ).rpartition(" ")
        return f"{name}:{retries}" if retries != "0" else name or "no"

    @property
    def restarts(self) -> int:
        """How often its policy has started it again"""
        return int(self._said("{{.RestartCount}}"))

    @property
    def _engine(self) -> str:
        who = f"{_AS_USER}{shlex.quote(self.user)} " if self.user else ""
        if self.engine or succeeds(self.host, f"{who}docker inspect --type container %s", self.name):
            return f"{who}{self.engine or 'docker'}"
        return f"{who}podman"

    def _said(self, form: str) -> str:
        return self.host.check_output(
            f"{self._engine} inspect --type container --format %s %s", form, self.name
        ).strip()
