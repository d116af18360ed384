"""Containers of Docker and Podman.

Sources: docker-inspect(1), podman-inspect(1).
"""

from hostwright.base.verify import Host, succeeds


class Container:
    """Test a container

    >>> Container(host, "web").restart_policy
    'unless-stopped'
    """

    def __init__(self, host: Host, name: str, engine: str = "") -> None:
        """
        + engine: the command that asks it; by default docker, or podman where there is no docker
        """
        self.host = host
        self.name = name
        self.engine = engine

    def __repr__(self) -> str:
        return f"<container {self.name}>"

    @property
    def exists(self) -> bool:
        return self.host.run(f"{self._engine} inspect --type container %s", self.name).rc == 0

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
        if self.engine:
            return self.engine
        return "docker" if succeeds(self.host, "docker --version") else "podman"

    def _said(self, form: str) -> str:
        return self.host.check_output(
            f"{self._engine} inspect --type container --format %s %s", form, self.name
        ).strip()
