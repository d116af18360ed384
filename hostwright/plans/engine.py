"""Whether a container engine answers at all: told apart from one that has no containers."""

from hostwright.refusal import Refusal


def must_answer(engine: str, user: str, error: str) -> None:
    """Refuses what the engine said instead of an answer, if it said anything."""
    if "permission denied" in error.lower():
        raise Refusal(
            f"{user} may not speak to {engine}: {error}; let pyinfra use sudo (_sudo, --sudo), or put them into its "
            "group"
        )
    if error:
        unit = "docker (or snap.docker.dockerd)" if engine == "docker" else engine
        raise Refusal(f"{engine} does not answer: {error}; see systemctl status {unit}")
