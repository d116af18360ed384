"""Runs in the guest: makes a small tree with a little of each kind of entry that a copy must keep.

Argument: directory.
"""

import os
import random
import stat
import subprocess
import sys

CHANCE = random.Random(0)
SIZES = [0, 1, 4095, 4097, 65536, 1024**2 + 1, 3 * 1024**2, 5 * 1024**2 + 7]
NAMES = [b"two words", b"line\nfeed", b"-rf", b"*", b"\xff\xfe", "雪".encode(), b"back\\slash", b"n" * 255]


def main(top: bytes) -> None:
    os.umask(0)
    os.chdir(top)
    os.mkdir(b"few")
    os.chdir(b"few")
    for size in SIZES:
        write(b"size %d" % size, CHANCE.randbytes(size))
    os.makedirs(b"many/more")
    for number in range(120):
        write(b"many/%03d" % number, b"%d\n" % number * number)
    for name in NAMES:
        os.chown(write(name, name), 1000, 70000)
        os.mkdir(b"many/more/" + name, 0o1770)
        os.symlink(name, b"many/" + name)
    os.link(b"size 4097", b"many/linked")
    os.link(b"size 4097", b"many/more/linked")
    with open(b"sparse", "wb") as file:
        file.truncate(2 * 1024**3 + 5)
        for offset in (0, 70 * 1024**2, 2 * 1024**3 - 4096):
            os.pwrite(file.fileno(), b"island" * 500, offset)
    os.mkfifo(b"pipe", 0o620)
    os.mknod(b"device", stat.S_IFCHR | 0o640, os.makedev(1, 3))
    os.setxattr(b"size 1", "user.lab", b"value")
    os.setxattr(b"many", "trusted.lab", bytes(range(256)))
    subprocess.run(["setfacl", "-m", "u:1000:rwx,d:g:70000:rx", "many/more"], check=True)
    os.chmod(write(b"capable", b"x"), 0o755)
    subprocess.run(["setcap", "cap_net_raw=ep", "capable"], check=True)
    age(b".")
    subprocess.run(["chattr", "+i", "size 4095"], check=True)
    os.sync()


def write(path: bytes, content: bytes) -> bytes:
    with open(path, "wb") as file:
        file.write(content)
    return path


def age(top: bytes) -> None:
    """Directories come last: their entries change their times."""
    for where, directories, files in os.walk(top, topdown=False):
        for name in [*files, *directories]:
            os.utime(where + b"/" + name, ns=(moment(), moment()), follow_symlinks=False)
    os.utime(top, ns=(moment(), moment()))


def moment() -> int:
    return CHANCE.randrange(10**18, 17 * 10**17)


main(os.fsencode(sys.argv[1]))
