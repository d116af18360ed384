"""Who holds a lock, as a host tells it, and whether it may be broken."""

from collections.abc import Callable

import pytest
from pyinfra.api.exceptions import DeployError

from hostwright.base.refusal import Refusal
from hostwright.lock.facts import Lock, LockHolder, LockWaiter, parse_locks
from hostwright.lock.held import check, wait_seconds
from hostwright.lock.plan import LocksPlan, decide_break, draw_locks

# Recorded on a lab machine.
SAID = [
    "@@ uptime",
    "91.07 170.93",
    "@@ lock deploy",
    "holder\t2\t1\t30\t82\t81\t2026-11-25T06:40:09+0000\t408:8015\troot@vm/896d81d3\ttrying",
    "waiter\t501:8900\t480:8811\t2026-11-25T06:40:16+0000\troot@vm/0c1d2e3f",
    "@@ lock other",
]


def test_what_a_host_says_of_its_locks() -> None:
    deploy, other = parse_locks(SAID)
    assert deploy.holder == LockHolder(2, 1, 30, 10, 9, "2026-11-25T06:40:09+0000", "root@vm/896d81d3", "trying")
    assert deploy.waiters == (LockWaiter("root@vm/0c1d2e3f", "2026-11-25T06:40:16+0000"),)
    assert other == Lock("other", None, ())
    shown = draw_locks("lab", (deploy, other))
    assert "held by root@vm/896d81d3 since 2026-11-25T06:40:09+0000 (10 s), trying" in shown
    assert "1. waits: root@vm/0c1d2e3f" in shown
    assert "other: free" in shown
    assert "sign of life" not in shown
    assert "no sign of life for 31 s" in draw_locks("lab", parse_locks(["@@ uptime", "113.00 1", *SAID[2:]]))


@pytest.mark.parametrize(
    ("name", "owner", "words"),
    [("deploy", "me", ["held by root@vm/896d81d3"]), ("other", "me", ["nobody"]), ("third", "me", ["nobody"])],
)
def test_a_lock_is_broken_only_by_the_name_of_its_owner(name: str, owner: str, words: list[str]) -> None:
    locks = parse_locks(SAID)
    with pytest.raises(Refusal) as refused:
        decide_break(locks, name, owner)
    assert all(word in str(refused.value) for word in ["lock_break", *words])
    assert decide_break(locks, "deploy", "root@vm/896d81d3") == LocksPlan(locks, "root@vm/896d81d3")
    assert not decide_break(locks, "deploy", None).changes


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (lambda: check("a b", None), "name = 'a b': no name for a lock: letters, digits and _ . - only"),
        (lambda: check("deploy", "me too"), "owner = 'me too': no name for who takes a lock: printable and without"),
        (lambda: check("deploy", None, 3), "lease = 3: too short for a lock, which is renewed four times in it: 4"),
        (lambda: wait_seconds("soon"), "lock_wait = 'soon': no number of seconds: write one from 0 on"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_a_lock_is_asked_for_is_refused_by_its_key(asked: Callable[[], object], words: str) -> None:
    with pytest.raises((Refusal, DeployError)) as refused:
        asked()
    assert words in str(refused.value)
