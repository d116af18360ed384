"""A container that runs several commands: a server, some once in the life of its data, and some at each start."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from hostwright.base.scripts import script

# Where the files are in the container.
HERE = "/hostwright"
READY = "/run/hostwright-ready"


@dataclass(frozen=True)
class SeveralCommands:
    """
    The commands of a container, each as the text of a POSIX shell script; files that they use lie beside them.

    + server: ends with `exec`, and the server
    + ready: succeeds once the server answers
    + record: the file in the container, among its data, that says what was run once
    + before: must have succeeded before the server starts; it may be run again
    + once: by name, run in this order, once in the life of the data: one that fails stops the server, and the container
        ends with its code
    + each: by name, run in this order at each start
    + files: what the commands read, below /hostwright
    + recorded: digests for the record by name, in place of our own

    TERM, INT and QUIT are handed on to the server. What a shell starts beside itself has INT and QUIT ignored (POSIX,
    Shell Command Language, 2.11): a server that sets no handler of its own for these two ends by TERM only.

    Source: the shell itself is sh/several_commands.sh.
    """

    server: str
    ready: str
    record: str
    before: str = ""
    once: Mapping[str, str] = field(default_factory=dict)
    each: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    recorded: Mapping[str, str] = field(default_factory=dict)

    def digests(self) -> dict[str, str]:
        """Of what runs once, by name: the command, and the files that it names."""
        return {name: self.recorded.get(name) or self._digest(command) for name, command in self.once.items()}

    def project_files(self, directory: str) -> dict[str, bytes]:
        """All files, below a directory of the compose project."""
        scripts = {
            "start": script("several_commands"),
            "server": self.server,
            "ready": self.ready,
            "before": self.before,
            "once": "".join(f"{digest}\t{name}\n" for name, digest in self.digests().items()),
            "each": "".join(f"{name}\n" for name in self.each),
            **{f"once.d/{name}": command for name, command in self.once.items()},
            **{f"each.d/{name}": command for name, command in self.each.items()},
        }
        made = {name: text.encode() for name, text in scripts.items() if text or name in ("once", "each")}
        return {f"{directory}/{name}": content for name, content in (made | dict(self.files)).items()}

    def service(self, directory: str) -> dict[str, Any]:
        """What belongs in the compose file's service: to be merged with the rest of it."""
        return {
            "entrypoint": ["/bin/sh", f"{HERE}/start"],
            "command": [],
            "environment": {"ONCE": self.record, "READY": READY},
            "volumes": [f"./{directory}:{HERE}:ro"],
            "healthcheck": {"test": f"test -e {READY} && sh {HERE}/ready", "interval": "10s", "start_period": "10s"},
        }

    def _digest(self, command: str) -> str:
        used = [
            content
            for name, content in sorted(self.files.items())
            if re.search(rf"{re.escape(f'{HERE}/{name}')}(?![A-Za-z0-9_.-])", command)
        ]
        return costly_digest(b"\0".join([command.encode(), *used]), "")


@cache
def costly_digest(content: bytes, salt: str) -> str:
    """Of what may hold a password: it costs whoever guesses at it."""
    return hashlib.scrypt(content, salt=f"hostwright {salt}".encode(), n=2**14, r=8, p=1, dklen=32).hex()
