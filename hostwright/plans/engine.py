"""Whether a container engine answers at all: told apart from one that has no containers."""

import re
import shlex
from collections.abc import Sequence

from hostwright.facts.docker import Engine
from hostwright.refusal import Refusal

_VARIABLES = {
    "docker": "DOCKER_HOST, or docker context use default",
    "podman": "CONTAINER_HOST and CONTAINER_CONNECTION",
}


def must_answer(engine: str, user: str, error: str, units: Sequence[str] = (), elsewhere: str = "") -> None:
    """Refuses what the engine said instead of an answer, if it said anything, and one of another machine."""
    asked = Engine(engine, error=error, units=tuple(units), elsewhere=elsewhere)
    if said := complaint(asked, user):
        raise Refusal(said)


def called(engine: Engine) -> str:
    return f"{engine.owner.name}'s {engine.name}" if engine.owner else engine.name


def as_owner(user: str, uid: int, command: str) -> str:
    """The command line by which root does something as a user."""
    return f"cd / && sudo -H -u {shlex.quote(user)} XDG_RUNTIME_DIR=/run/user/{uid} {command}"


def complaint(engine: Engine, user: str) -> str:
    """Why it is not known what containers it has, and what to do about it; nothing if it answered."""
    if engine.elsewhere:
        who = engine.owner.name if engine.owner else user
        return (
            f"{who}'s client of {engine.name} asks {engine.elsewhere}, another machine, whose containers are not of "
            f"this host: unset {_VARIABLES[engine.name]}, or deploy to that machine"
        )
    if not engine.error:
        return ""
    socket = re.match("unix:///run/user/([0-9]+)/", engine.endpoint)
    if "permission denied" in engine.error.lower() and not engine.owner and not socket:
        return (
            f"{user} may not speak to {engine.name}: {engine.error}; let pyinfra use sudo (_sudo, --sudo), or put them "
            "into its group"
        )
    return f"{called(engine)} does not answer: {engine.error}; see {_where(engine, user)}"


def _where(engine: Engine, user: str) -> str:
    socket = re.match("unix:///run/user/([0-9]+)/", engine.endpoint)
    status = f"systemctl --user status {engine.name if engine.name == 'docker' else 'podman.socket'}"
    if engine.owner:
        command = status if engine.name == "docker" else "podman ps --all"
        return as_owner(engine.owner.name, engine.owner.uid, command)
    if socket:
        return as_owner(f"#{socket[1]}", int(socket[1]), status)
    if engine.name == "podman":
        return "systemctl status podman.socket" if engine.endpoint else f"what podman ps --all says as {user}"
    if not engine.units:
        return "how dockerd is started on this host: it has no unit docker.service, and none of a snap"
    return f"systemctl status {' '.join(unit.removesuffix('.service') for unit in engine.units)}"
