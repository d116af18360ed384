"""Who holds the locks of a host, and who waits for them (sh/locks.sh writes what is read here)."""

from dataclasses import dataclass

from typing_extensions import override

from hostwright.base.names import HOLDER, LOCKS
from hostwright.base.observe import ScriptFact, parsing
from hostwright.base.scripts import NONCE, script, sections


@dataclass(frozen=True)
class LockHolder:
    """
    + number: grows whenever the lock goes on to somebody else
    + count: how often its owner took it
    + held: seconds since it was taken
    + silent: seconds since its owner gave a sign of life; beyond `lease` it may go to the next one
    """

    number: int
    count: int
    lease: int
    held: int
    silent: int
    since: str
    owner: str
    doing: str


@dataclass(frozen=True)
class LockWaiter:
    owner: str
    since: str


@dataclass(frozen=True)
class Lock:
    name: str
    holder: LockHolder | None
    waiters: tuple[LockWaiter, ...]


@parsing()
def parse_locks(lines: list[str], nonce: str = "") -> tuple[Lock, ...]:
    found = sections(lines, nonce, ("uptime", "lock *"))
    now = int(float(found["uptime"][0].split()[0]))
    return tuple(
        _lock(name.removeprefix("lock "), [line.split("\t") for line in rows], now)
        for name, rows in found.items()
        if name.startswith("lock ")
    )


def _lock(name: str, rows: list[list[str]], now: int) -> Lock:
    holder = None
    waiters = []
    for kind, *words in rows:
        if kind == "holder":
            said = dict(zip(HOLDER, words, strict=True))
            holder = LockHolder(
                number=int(said["number"]),
                count=int(said["count"]),
                lease=int(said["lease"]),
                held=now - int(said["taken"]),
                silent=now - int(said["renewed"]),
                since=said["since"],
                owner=said["owner"],
                doing=said["doing"],
            )
        else:
            _, _, since, owner = words
            waiters.append(LockWaiter(owner, since))
    return Lock(name, holder, tuple(waiters))


class HostLocks(ScriptFact[tuple[Lock, ...]]):
    """The locks that anybody took since the host was started."""

    what = "what locks it has"

    @override
    def text(self) -> str:
        return script("locks", LOCKS=LOCKS)

    @override
    def parsed(self, output: list[str]) -> tuple[Lock, ...]:
        return parse_locks(output, NONCE)
