"""A container engine, and whether it answers at all: told apart from one that has no containers."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hostwright.base.refusal import Refusal

POLICIES = ("no", "on-failure", "unless-stopped", "always")
_VARIABLES = {
    "docker": "DOCKER_HOST, or docker context use default",
    "podman": "CONTAINER_HOST and CONTAINER_CONNECTION",
}


@dataclass(frozen=True)
class Container:
    """
    + policy: as `docker run --restart` takes it, `on-failure:5` say
    + auto_remove: it was made with `--rm`
    + status: `running`, `exited`, `created`, `paused`, `restarting`, ...
    """

    id: str
    name: str
    policy: str
    auto_remove: bool
    status: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Owner:
    """A user whose own an engine is.

    + lingers: what is theirs runs from boot on, whether they are logged in or not
    """

    name: str
    uid: int
    home: str
    lingers: bool


@dataclass(frozen=True)
class Engine:
    """
    + name: `docker` or `podman`
    + owner: nothing, if it is the one that whoever asked gets
    + endpoint: where its client asks
    + elsewhere: that, if it is another machine; then it was not asked
    + units: systemd units that there are for it, if it does not answer
    + updates: it can change the policy of a container that exists
    + boots: the unit that starts its containers at boot is enabled
    + error: what it said instead of an answer
    """

    name: str
    owner: Owner | None = None
    endpoint: str = ""
    elsewhere: str = ""
    units: tuple[str, ...] = ()
    updates: bool = False
    boots: bool = False
    error: str = ""
    containers: tuple[Container, ...] = ()


def normalized(policy: str | bool) -> str:
    """The policy as it is compared; YAML takes `no` for false. ValueError: it is none."""
    if policy is False:
        return "no"
    name, colon, retries = str(policy).partition(":")
    if policy is True or name not in POLICIES:
        raise ValueError(f"no restart policy: it is one of {', '.join(POLICIES)}, on-failure:5")
    if not colon:
        return name
    if name != "on-failure":
        raise ValueError("only on-failure takes a number of retries: leave it out")
    if not re.fullmatch("[0-9]{1,9}", retries):
        raise ValueError("no number of retries: it is one from 0 on (0 for no limit), 999999999 at most")
    return f"{name}:{int(retries)}" if int(retries) else name


def must_answer(engine: str, user: str, error: str, units: Sequence[str] = (), elsewhere: str = "") -> None:
    """Refuses what the engine said instead of an answer, if it said anything, and one of another machine."""
    asked = Engine(engine, error=error, units=tuple(units), elsewhere=elsewhere)
    if refusal := complaint(asked, user):
        raise refusal


def called(engine: Engine) -> str:
    return f"{engine.owner.name}'s {engine.name}" if engine.owner else engine.name


def as_owner(user: str, uid: int, command: str) -> str:
    """The command line by which root does something as a user."""
    return f"cd / && sudo -H -u {shlex.quote(user)} XDG_RUNTIME_DIR=/run/user/{uid} {command}"


def complaint(engine: Engine, user: str) -> Refusal | None:
    """Why it is not known what containers it has, and what to do about it; nothing if it answered."""
    if engine.elsewhere:
        who = engine.owner.name if engine.owner else user
        return Refusal(
            f"{who}'s client of {engine.name} asks {engine.elsewhere}, another machine, whose containers are not of "
            "this host",
            f"unset {_VARIABLES[engine.name]}, or deploy to that machine",
        )
    if not engine.error:
        return None
    socket = re.match("unix:///run/user/([0-9]+)/", engine.endpoint)
    if "permission denied" in engine.error.lower() and not engine.owner and not socket:
        return Refusal(
            f"{user} may not speak to {engine.name}: {engine.error}",
            "let pyinfra use sudo (_sudo, --sudo), or put them into its group",
        )
    return Refusal(f"{called(engine)} does not answer: {engine.error}", f"see {_where(engine, user)}")


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
