"""A tree with everything in it that a copy can lose, and a look at what has become of it."""

import base64
import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from tests.lab.call import call
from tests.lab.machine import Machine

GUEST = Path(__file__).parent / "guest"
SPARSE_SLACK = 1024**2

Entry = dict[str, object]


def plant(machine: Machine, at: str = "/home") -> None:
    """Make the tree below `at`/tree and dress `at` itself: some 60 MB, apparently 26 GiB.

    XFS, ext4 and btrfs are known; project IDs are planted where the file system takes them. Immutable entries make the
    tree hard to remove.
    """
    # systemd-tmpfiles(8) gives /home its ordinary mode and owner back at each boot.
    machine.succeed("mkdir -p /etc/tmpfiles.d && ln -sf /dev/null /etc/tmpfiles.d/home.conf")
    kind = machine.succeed(f"findmnt -n -o FSTYPE -T {shlex.quote(at)}").strip()
    script = bring(machine, "plant_tree.py")
    machine.succeed(f"python3 {script} {shlex.quote(at)} {kind}")


def plant_few(machine: Machine, at: str = "/home") -> None:
    """Make a tree of some 12 MB below `at`/few, a little of each kind: for what is looked at very often."""
    machine.succeed(f"python3 {bring(machine, 'plant_few.py')} {shlex.quote(at)}")


def listing(machine: Machine, at: str = "/home") -> dict[str, Entry]:
    """What is in `at`, by name relative to it, `.` being `at` itself; what lies beyond a mount point is left out.

    Bytes of a name that are no UTF-8 come as lone surrogates. Times are in nanoseconds since 1970, sizes in bytes, mode
    in octal, extended attributes (which include access lists and capabilities) in hexadecimal; `same_as` is the first
    name of an inode that has several, `flags` are chattr(1)'s letters.
    """
    # A mount of its own without access times: not even reading a symbolic link leaves a trace.
    quiet = 'mount --bind "$2" "$2" && mount -o remount,bind,noatime "$2" && exec python3 "$@"'
    script = bring(machine, "list_tree.py")
    out = machine.succeed(f"unshare --mount sh -c {shlex.quote(quiet)} listing {script} {shlex.quote(at)}")
    entries: dict[str, Entry] = json.loads(out)
    return entries


def listing_here(directory: Path) -> dict[str, Entry]:
    """The same of a directory on this machine, mounted without access times."""
    # The system's own Python: it is the kind that guests have, and starts fastest.
    out = call(["/usr/bin/python3", str(GUEST / "list_tree.py"), str(directory)])
    entries: dict[str, Entry] = json.loads(out)
    return entries


def differences(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> list[str]:
    """What a person would want to know of two listings; nothing when the second is as good as the first.

    A file may take less space than before, and up to 1 MiB more.
    """
    found = [f"{name!a} is gone" for name in sorted(before.keys() - after.keys())]
    found += [f"{name!a} is new" for name in sorted(after.keys() - before.keys())]
    for name in sorted(before.keys() & after.keys()):
        old, new = before[name], after[name]
        for key in sorted((old.keys() | new.keys()) - {"allocated"}):
            if old.get(key) != new.get(key):
                found.append(f"{name!a}: {key} was {old.get(key)!a}, is {new.get(key)!a}")
        was, now = old.get("allocated"), new.get("allocated")
        if isinstance(was, int) and isinstance(now, int) and now > was + SPARSE_SLACK:
            found.append(f"{name!a}: takes {now} bytes, took {was}")
    return found


def bring(machine: Machine, script: str) -> str:
    text = base64.b64encode((GUEST / script).read_bytes()).decode()
    machine.succeed(f"echo {text} | base64 -d > /run/{script}")
    return f"/run/{script}"
