"""Whether a lock may be broken, and what a person is shown of the locks of a host."""

from dataclasses import dataclass

from hostwright.base.refusal import Refusal
from hostwright.lock.facts import Lock


@dataclass(frozen=True)
class LocksPlan:
    """
    + changes: the owner whose lock is to be broken, if any
    """

    locks: tuple[Lock, ...]
    changes: str = ""


def decide_break(locks: tuple[Lock, ...], name: str, owner: str | None) -> LocksPlan:
    """Refused unless it is held, and by that very owner: who breaks a lock must know whose it is."""
    lock = next((lock for lock in locks if lock.name == name), None)
    if owner and (lock is None or lock.holder is None):
        raise Refusal(f"nobody holds the lock {name}", "leave lock_break out", key="lock_break", value=owner)
    if owner and lock and lock.holder and lock.holder.owner != owner:
        why = f"the lock {name} is held by {lock.holder.owner}"
        raise Refusal(why, "name that to break it", key="lock_break", value=owner)
    return LocksPlan(locks, owner or "")


def draw_locks(host: str, locks: tuple[Lock, ...]) -> str:
    lines = [f"{host}: {'locks' if locks else 'nobody has taken a lock since it was started'}"]
    for lock in locks:
        holder = lock.holder
        if holder is None:
            lines.append(f"  {lock.name}: free")
        else:
            times = f" {holder.count} times" if holder.count > 1 else ""
            lines.append(
                f"  {lock.name}: held{times} by {holder.owner} since {holder.since} ({holder.held} s), {holder.doing}"
            )
            if holder.silent > holder.lease:
                lines.append(
                    f"    no sign of life for {holder.silent} s: it goes to the next one when its work is over"
                )
        lines += [
            f"    {place}. waits: {waiter.owner} since {waiter.since}" for place, waiter in enumerate(lock.waiters, 1)
        ]
    return "\n".join(lines)
