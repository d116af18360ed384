"""Many who want one lock of one machine, some of them killed: who had it when, and was it their turn."""

import random
import subprocess
import time
from dataclasses import dataclass, field

from tests.lab.machine import Machine
from tests.lab.tree import bring
from tests.scripts import script

# Of each contender: how much of a processor it and its children took since it was started, in percent.
CPU = r"""
    for p in $(pgrep -f '^sh /run/contend'); do
        cat /proc/uptime /proc/$p/stat 2>/dev/null | awk -v tick=$(getconf CLK_TCK) '
            NR == 1 { now = $1 * tick }
            NR == 2 { sub(/^.*\) /, ""); if (now > $20) print 100 * ($12 + $13 + $14 + $15) / (now - $20) }'
    done
"""


@dataclass
class Verdict:
    """+ cpu: percent of a processor that half of those who waited took at most"""

    turns: int = 0
    kills: int = 0
    cpu: float = 0
    overlaps: list[str] = field(default_factory=list)
    out_of_turn: list[str] = field(default_factory=list)


def contend(machine: Machine, contenders: int, kills: int, seconds: float, seed: int) -> Verdict:
    """So many contenders, of which as many are killed by chance, at either end, and come back under another name."""
    chance = random.Random(seed)
    machine.succeed("rm -f /root/contended; touch /root/contended")
    where = bring(machine, "contend.sh")
    # Whose turn it is, each has in its environment.
    text = script("lock", "holders", LOCK="contended", LEASE="4", OWNER="-", CONNECTION="yes").replace("OWNER=-\n", "")
    machine.succeed(
        f"cat >/run/library.sh <<'END'\n{text}\nEND\nprintf '. /run/library.sh\\n. {where}\\n' >/run/contend"
    )
    # Each has a connection of its own, which waits as long as a busy guest makes it.
    words = ["ssh", "-o", "ControlPath=none", "-o", "ServerAliveInterval=0", *machine.ssh_args, "root@127.0.0.1"]
    names = iter(range(10**6))
    running: dict[str, subprocess.Popen[bytes]] = {}
    dead: set[str] = set()

    def comes() -> None:
        name = f"c{next(names)}"
        command = f"OWNER={name} HOSTWRIGHT_OWNER={name} sh /run/contend"
        running[name] = subprocess.Popen(
            [*words, command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    done = 0
    try:
        for _ in range(contenders):
            comes()
            time.sleep(0.5)
        began = time.monotonic()
        while done < kills:
            time.sleep(max(0.0, began + seconds / kills * (done + 1) - time.monotonic()))
            name = chance.choice([*running])
            dead.add(name)
            done += 1
            if chance.random() < 0.5:
                machine.run(
                    "for p in /proc/[0-9]*/environ; do "
                    f"grep -qz '^OWNER={name}$' $p 2>/dev/null && kill -KILL $(echo $p | cut -d/ -f3); done; true"
                )
            running.pop(name).kill()
            comes()
        # Who could not stay is as dead as who was killed.
        dead |= {name for name, process in running.items() if process.poll() is not None}
        shares = machine.succeed(CPU).split()
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    verdict = judge(machine.succeed("cat /root/contended").splitlines(), dead, done)
    verdict.cpu = sorted(map(float, shares))[len(shares) // 2]
    return verdict


def judge(log: list[str], dead: set[str], kills: int) -> Verdict:
    verdict = Verdict(kills=kills)
    inside = ""
    waiting: dict[str, int] = {}
    highest = 0
    for line in log:
        what, owner, *rest = line.split()
        if what == "draws":
            waiting[owner] = int(rest[0])
        elif what == "enters":
            ticket, number = int(rest[0]), int(rest[1])
            if inside and inside not in dead:
                verdict.overlaps.append(f"{owner} while {inside}")
            if number <= highest:
                verdict.overlaps.append(f"{owner} with number {number} after {highest}")
            before = [
                other for other, drawn in waiting.items() if drawn < ticket and other not in dead and other != owner
            ]
            verdict.out_of_turn += [f"{owner} before {other}" for other in before]
            waiting.pop(owner, None)
            inside, highest = owner, number
            verdict.turns += 1
        elif what == "leaves":
            if inside != owner:
                verdict.overlaps.append(f"{owner} leaves, but {inside} is inside")
            inside = ""
    return verdict
