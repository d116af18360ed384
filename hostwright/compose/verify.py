"""Services of compose projects.

Sources: docker-ps(1), docker-inspect(1).
"""

from hostwright.base.verify import Host


class ComposeService:
    """Test a service of a compose project

    >>> ComposeService(host, "mariadb_yoga", "mysql").is_healthy
    True
    """

    def __init__(self, host: Host, project: str, name: str) -> None:
        self.host = host
        self.project = project
        self.name = name

    def __repr__(self) -> str:
        return f"<compose service {self.project}/{self.name}>"

    @property
    def exists(self) -> bool:
        return bool(self.containers)

    @property
    def containers(self) -> list[str]:
        """Names of its containers, running or not"""
        labels = [f"label=com.docker.compose.project={self.project}", f"label=com.docker.compose.service={self.name}"]
        said = self.host.check_output("docker ps --all --filter %s --filter %s --format '{{.Names}}'", *labels)
        return said.split()

    @property
    def is_running(self) -> bool:
        return self.exists and all(state == "running" for state in self._said("{{.State.Status}}"))

    @property
    def is_healthy(self) -> bool:
        """Running, and healthy where it has a health check"""
        form = "{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}}"
        return self.exists and all(state == "running healthy" for state in self._said(form))

    def _said(self, form: str) -> list[str]:
        names = self.containers
        inspect = f"docker inspect --type container --format %s{' %s' * len(names)}"
        return self.host.check_output(inspect, form, *names).splitlines()
