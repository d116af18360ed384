"""Runs in the guest: makes a tree with every kind of entry that a copy must keep.

Arguments: directory, kind of its file system.
"""

import os
import random
import socket
import stat
import subprocess
import sys
import time

MIB = 1024**2
GIB = 1024**3
DAY = 86400 * 10**9
NOW = time.time_ns()
# Ages differ from name to name, but not from run to run.
CHANCE = random.Random(0)

SIZES = [
    *[0, 1, 511, 513, 4095, 4096, 4097, 65535, 65536, 65537],
    *[MIB - 1, MIB, MIB + 1, 3 * MIB + 7, 21 * MIB, 33 * MIB + 4095],
]
NAMES = [
    *[b"two words", b" leading", b"trailing ", b" ", b"tab\there", b"line\nfeed", b"\n", b"feed last\n", b"return\r"],
    *[b"it's", b'say "so"', b"`id`", b"$(id)", b"$HOME", b"a;b", b"a&b", b"a|b", b"<>", b"#comment", b"~", b"!!"],
    *[b"-rf", b"--", b"--help", b"*", b"?", b"[a]", b"{a,b}", b"a=b", b"%s%n", b"back\\slash", b"\\n", b"..."],
    *[
        "Käse".encode(),
        "Ka\u0308se".encode(),
        "雪".encode(),
        b"latin\xe9",
        b"\xff\xfe",
        b"\x7f\x1b[31m",
        b"one\x01byte",
    ],
    *[b".hidden", b".rsync-filter", b"comma,colon:"],
    *[b"n" * 255, b"\xf0\x9f\x98\x80" * 63, b"x" * 250 + b"\n\xff'\" "],
]
MODES = [0o000, 0o001, 0o200, 0o400, 0o600, 0o644, 0o666, 0o755, 0o777, 0o4755, 0o2755, 0o6711, 0o4000, 0o2644, 0o1644]
OWNERS = [
    *[(0, 0), (1, 5), (1000, 1000), (12345, 54321), (65534, 65534)],
    *[(65536, 65537), (3000000001, 70000), (2**32 - 2, 2**32 - 2)],
]
TIMES = [
    *[0, 1, -1, 10**9 - 1, 999_999_999_999_999_999, 1_234_567_890_123_456_789, NOW - DAY, NOW - 400 * DAY],
    # The first day of 32-bit time, the last, and one behind it: a file system that cannot tell keeps its nearest.
    *[(-(2**31) + 3600) * 10**9 + 1, (2**31 - 1) * 10**9 + 5, 2**33 * 10**9 + 7, NOW + 3 * DAY],
]

Times = dict[bytes, tuple[int, int]]


def main(top: bytes, kind: str) -> None:
    os.umask(0)
    os.chdir(top)
    os.mkdir(b"tree")
    os.chdir(b"tree")
    plant_files()
    plant_directories()
    plant_names()
    plant_modes_and_owners()
    times = plant_times()
    plant_hard_links()
    plant_symlinks()
    plant_sparse_files()
    plant_special_files()
    plant_extended_attributes()
    plant_access_lists()
    plant_projects(kind)
    flags = plant_flags()
    os.chdir(b"..")
    dress_top()
    age(b"tree", times)
    os.utime(b".", ns=(NOW - 5 * DAY + 1, NOW - 9 * DAY + 2))
    # They forbid every other change.
    for letters, paths in flags.items():
        run("chattr", f"+{letters}", "--", *(b"tree/" + path for path in paths))
    os.sync()


def run(*command: str | bytes) -> None:
    subprocess.run(command, check=True)


def write(path: bytes, content: bytes = b"content\n") -> bytes:
    with open(path, "wb") as file:
        file.write(content)
    return path


def directory(path: bytes) -> bytes:
    os.makedirs(path)
    return path


def plant_files() -> None:
    directory(b"files")
    for size in SIZES:
        write(b"files/%d" % size, os.urandom(size))
    write(b"files/zeros", bytes(2 * MIB + 1))
    directory(b"many")
    for number in range(400):
        write(b"many/file-%03d" % number, b"%d\n" % number * number)


def plant_directories() -> None:
    directory(b"empty")
    directory(b"empty in/empty/empty")
    # Long enough for trouble, short enough for a copy below another mount point.
    deep = directory(b"/".join([b"deep", *([b"d" * 29] * 100)]))
    write(deep + b"/bottom")


def plant_names() -> None:
    directory(b"names")
    for name in NAMES:
        write(b"names/" + name, name)
        directory(b"names of directories/" + name)
        write(b"names of directories/" + name + b"/" + name)
    directory(b"names of links")
    for name in NAMES:
        os.symlink(name, b"names of links/" + name)
    directory(b"names of pipes")
    for name in NAMES:
        os.mkfifo(b"names of pipes/" + name)
    for number, name in enumerate(NAMES):
        os.setxattr(b"names/" + name, "user.number", b"%d" % number)
        os.setxattr(b"names of directories/" + name, "user.name", name)


def plant_modes_and_owners() -> None:
    directory(b"modes")
    for mode in MODES:
        os.chmod(write(b"modes/%o" % mode), mode)
    for mode in [0o000, 0o111, 0o700, 0o1777, 0o2775, 0o3770, 0o4755, 0o6755, 0o7777]:
        path = directory(b"modes/directory %o" % mode)
        write(path + b"/inside")
        os.chmod(path, mode)
    directory(b"owners")
    for uid, gid in OWNERS:
        path = write(b"owners/%d:%d" % (uid, gid))
        os.chown(path, uid, gid)
        os.chmod(path, 0o6755)
        os.mkdir(path + b" directory", 0o770)
        os.chown(path + b" directory", gid, uid)
        os.symlink(path, path + b" link")
        os.lchown(path + b" link", uid, gid)


def plant_times() -> Times:
    directory(b"times")
    times = {}
    for number, moment in enumerate(TIMES):
        other = TIMES[-number]
        times[write(b"times/%d" % number)] = (other, moment)
        times[directory(b"times/directory %d" % number)] = (other, moment)
        os.symlink(b"nowhere", b"times/link %d" % number)
        times[b"times/link %d" % number] = (moment, other)
    return times


def plant_hard_links() -> None:
    for path in (b"links/a/b", b"links/c", b"links/d of\nlinks"):
        directory(path)
    write(b"links/a/file", b"three names\n")
    os.symlink(b"target", b"links/a/symlink")
    os.mkfifo(b"links/a/pipe")
    os.mknod(b"links/a/device", stat.S_IFCHR | 0o640, os.makedev(1, 3))
    for name in (b"file", b"symlink", b"pipe", b"device"):
        os.link(b"links/a/" + name, b"links/c/" + name, follow_symlinks=False)
        os.link(b"links/a/" + name, b"links/d of\nlinks/ " + name, follow_symlinks=False)
    write(b"links/twin 1", b"same content, other inode\n")
    write(b"links/twin 2", b"same content, other inode\n")
    os.link(b"links/twin 1", b"links/a/b/twin of 1")
    os.link(b"files/%d" % MIB, b"links/a/b/large")


def plant_symlinks() -> None:
    directory(b"symlinks")
    targets = {
        b"dangling": b"no/such/file",
        b"absolute": b"/etc/passwd",
        b"relative": b"../files/4096",
        b"to a directory": b"../many",
        b"up": b"..",
        b"loop": b"loop",
        b"there": b"back",
        b"back": b"there",
        b"odd": b" line\nfeed \xff ",
        b"slashes": b"//files///4096/",
        # XFS takes no longer one.
        b"long": b"/".join([b"t" * 127] * 8),
    }
    for number, (name, target) in enumerate(targets.items()):
        path = b"symlinks/" + name
        os.symlink(target, path)
        os.lchown(path, 1000 + number, 100000 + number)
    os.setxattr(b"symlinks/dangling", "trusted.lab", b"on a link", follow_symlinks=False)
    os.setxattr(b"symlinks/absolute", "security.lab", b"on a link", follow_symlinks=False)


def plant_sparse_files() -> None:
    directory(b"sparse")
    make_sparse(b"sparse/all of it", 20 * GIB, [])
    make_sparse(b"sparse/odd size", 3 * MIB + 5, [])
    make_sparse(b"sparse/hole last", 64 * MIB + 1, [0])
    make_sparse(b"sparse/data last", 64 * MIB + 4097, [64 * MIB])
    make_sparse(b"sparse/three islands", 6 * GIB + 77, [0, 3 * GIB, 6 * GIB - 4096])
    make_sparse(b"sparse/holes", 200 * MIB, range(MIB, 200 * MIB, 8 * MIB))
    write(b"sparse/reserved", b"the rest is allocated, but was never written\n")
    with open(b"sparse/reserved", "r+b") as file:
        os.posix_fallocate(file.fileno(), 0, 4 * MIB)


def make_sparse(path: bytes, size: int, islands: range | list[int]) -> None:
    with open(path, "wb") as file:
        file.truncate(size)
        for offset in islands:
            file.seek(offset)
            file.write(os.urandom(4097)[: size - offset])


def plant_special_files() -> None:
    directory(b"special")
    os.mkfifo(b"special/pipe", 0o620)
    os.setxattr(b"special/pipe", "trusted.lab", b"on a pipe")
    os.chdir(b"special")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(b"socket")
    os.chdir(b"..")
    os.chmod(b"special/socket", 0o666)
    os.mknod(b"special/character", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(b"special/block", stat.S_IFBLK | 0o660, os.makedev(7, 200))
    # The largest minor number that XFS can keep.
    os.mknod(b"special/large numbers", stat.S_IFBLK | 0o600, os.makedev(259, 2**18 - 1))
    # What overlay file systems write for a deleted name.
    os.mknod(b"special/whiteout", stat.S_IFCHR, os.makedev(0, 0))
    for number, name in enumerate(sorted(os.listdir(b"special"))):
        os.chown(b"special/" + name, 2000 + number, 3000 + number)


def plant_extended_attributes() -> None:
    directory(b"attributes/directory")
    for path in (write(b"attributes/file"), b"attributes/directory"):
        for space in ("user", "trusted", "security"):
            os.setxattr(path, f"{space}.lab", space.encode())
        os.setxattr(path, "user.empty", b"")
        os.setxattr(path, "user.binary", bytes(range(256)))
        os.setxattr(path, "trusted.overlay.opaque", b"y")
        os.setxattr(path, "user.name with\nfeed = \xe4", b"odd name")
        os.setxattr(path, "user.large", os.urandom(2000))
    os.chmod(write(b"attributes/capable of\nmore"), 0o755)
    run("setcap", "cap_net_raw,cap_net_bind_service=ep", b"attributes/capable of\nmore")
    os.chown(write(b"attributes/capable, owned"), 1000, 1000)
    run("setcap", "cap_sys_nice=eip", b"attributes/capable, owned")
    for name in ("secret", "public"):
        os.setxattr(write(b"attributes/" + name.encode()), f"user.{name}", b"read only" * 10)
        os.chmod(b"attributes/" + name.encode(), 0o444)


def plant_access_lists() -> None:
    directory(b"lists/default")
    run("setfacl", "-m", "u:1000:rwx,u:70000:r,g:4000000000:-,m::rx", write(b"lists/file"))
    run("setfacl", "-m", "u:1:rw", write(b"lists/line\nfeed, -d"))
    run("setfacl", "-m", "d:u:1000:rwx,d:g:70000:rx,d:o::-,u:2:x", b"lists/default")
    write(b"lists/default/heir")
    directory(b"lists/default/heirs")
    write(b"lists/default/heirs/heir")
    run("setfacl", "-k", b"lists/default/heirs")
    run("setfacl", "-m", "u:0:-", write(b"lists/root denied"))


def plant_projects(kind: str) -> None:
    directory(b"projects/inherits")
    command = ["chattr", "+P", "-p", "70000", "projects/inherits"]
    done = subprocess.run(command, check=False, capture_output=True)
    if done.returncode != 0:
        # ext4 knows projects only with a feature that mkfs does not turn on, btrfs knows none.
        if kind == "xfs":
            raise SystemExit(f"no project IDs on XFS: {done.stderr!r}")
        return
    directory(b"projects/inherits/below of\nlines/deeper")
    write(b"projects/inherits/below of\nlines/heir")
    os.symlink(b"heir", b"projects/inherits/below of\nlines/link")
    run("chattr", "-p", "7", write(b"projects/inherits/other"))
    run("chattr", "-p", "4294967294", write(b"projects/ -p 9 "))
    # A project without the flag, and the flag without a project.
    run("chattr", "-p", "8", directory(b"projects/no heirs"))
    write(b"projects/no heirs/file")
    run("chattr", "+P", directory(b"projects/flag alone"))


def plant_flags() -> dict[str, list[bytes]]:
    """Which flags to set on what, once everything else is done."""
    directory(b"flags")
    flags = {letters: [write(b"flags/" + letters.encode())] for letters in ("i", "a", "d", "A", "S", "iAd", "aS")}
    for letter in ("a", "d", "A", "S"):
        path = directory(b"flags/directory " + letter.encode())
        write(path + b"/inside")
        flags[letter].append(path)
    directory(b"flags/immutable/inside/deeper")
    write(b"flags/immutable/file")
    flags["i"] += [write(b"flags/immutable/inside/file"), b"flags/immutable/inside", b"flags/immutable"]
    # One inode: its other name shows the flag as well.
    os.link(write(b"flags/linked"), b"links/immutable")
    flags["i"].append(b"flags/linked")
    flags["i"] += [b"names/" + name for name in NAMES[::3]]
    flags["d"] += [b"names/" + name for name in NAMES[1::3]]
    flags["A"] += [b"names of directories/" + name for name in NAMES[1::3]]
    return flags


def dress_top() -> None:
    """The directory itself belongs to the tree."""
    os.chown(b".", 0, 50)
    run("setfacl", "-m", "d:u:1000:rx,d:g:50:rwx", b".")
    os.chmod(b".", 0o751)
    os.setxattr(b".", "user.lab", b"the top")
    os.setxattr(b".", "trusted.lab", b"the top")


def age(top: bytes, times: Times) -> None:
    """Times with nanoseconds for everything. Directories come last: their entries change them, and so does reading."""
    for where, directories, files in os.walk(top, topdown=False):
        for name in [*files, *directories]:
            path = where + b"/" + name
            some = NOW - CHANCE.randrange(10**17, 10**18), NOW - CHANCE.randrange(10**17, 10**18)
            os.utime(path, ns=times.get(path.removeprefix(top + b"/"), some), follow_symlinks=False)
    os.utime(top, ns=(NOW - 3 * DAY + 3, NOW - 4 * DAY + 4))


main(os.fsencode(sys.argv[1]), sys.argv[2])
