"""Builds the disk, the kernel and the keys that test machines start from."""

import hashlib
import io
import os
import shutil
import tarfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from tests.lab import qemu
from tests.lab.call import LabError, call

RELEASES = ("bookworm", "trixie")
RECIPE = Path(__file__).parent / "recipe"
DISK_SIZE = "8G"


def recipe_hash() -> str:
    """Another one as soon as the image would come out differently."""
    digest = hashlib.sha256(DISK_SIZE.encode())
    for path in sorted(path for path in RECIPE.rglob("*") if path.is_file()):
        digest.update(f"\0{path.relative_to(RECIPE)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def build(release: str, more: Sequence[str], directory: Path) -> None:
    """Make the image in an empty directory.

    + more: packages beside those of the recipe
    """
    for name in ("key", "host_key"):
        call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(directory / name)])
    _write_overlay(directory)
    _make_root(release, more, directory)
    _make_disk(directory)
    for name in ("overlay.tar", "root.tar", "install.log"):
        (directory / name).unlink()


def _write_overlay(directory: Path) -> None:
    """Pack the recipe's files and the keys; in an archive they can belong to root, whoever builds."""
    public_key = (directory / "key.pub").read_bytes()
    with tarfile.open(directory / "overlay.tar", "w") as archive:

        def add(name: str, content: bytes, mode: int = 0o644) -> None:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))

        root = RECIPE / "root"
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            add(str(path.relative_to(root)), path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644)
        for script in ("setup", "install"):
            add(f"lab/{script}", (RECIPE / script).read_bytes(), 0o755)
        add("root/.ssh/authorized_keys", public_key, 0o600)
        add("etc/ssh/ssh_host_ed25519_key", (directory / "host_key").read_bytes(), 0o600)
        add("etc/ssh/ssh_host_ed25519_key.pub", (directory / "host_key.pub").read_bytes())
        # Without one, systemd takes every boot for the first and enables all that it would enable by preset.
        add("etc/machine-id", f"{uuid.uuid4().hex}\n".encode())


def _make_root(release: str, more: Sequence[str], directory: Path) -> None:
    packages = ",".join([*(RECIPE / "packages").read_text().split(), *more])
    call(
        [
            *["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}"],
            # Machines install packages at once, without fetching the lists first.
            *["--skip=cleanup/apt/lists", '--aptopt=Acquire::Languages "none"'],
            *["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"],
            *["--dpkgopt=path-exclude=/usr/share/locale/*"],
            f"--essential-hook=tar-in {directory}/overlay.tar /",
            f"--customize-hook=copy-out /boot {directory}",
            '--customize-hook=chroot "$1" /lab/setup',
            *[release, str(directory / "root.tar")],
        ]
    )
    boot = directory / "boot"
    next(boot.glob("vmlinuz-*")).rename(directory / "vmlinuz")
    next(boot.glob("initrd.img-*")).rename(directory / "initrd.img")
    shutil.rmtree(boot)


def _make_disk(directory: Path) -> None:
    target, log = directory / "base.qcow2", directory / "install.log"
    call(["qemu-img", "create", "-q", "-f", "qcow2", str(target), DISK_SIZE])
    installer = qemu.command(
        kernel=directory / "vmlinuz",
        initrd=directory / "initrd.img",
        append="rdinit=/install quiet panic=-1",
        console=log,
        memory=2048,
    )
    installer += qemu.disk(target, "target", cache="unsafe")
    installer += qemu.disk(directory / "root.tar", "source", image_format="raw", cache="unsafe")
    call([*installer, "-no-reboot"])
    if "The disk is complete." not in log.read_text():
        raise LabError(f"the machine that lays out the disk failed:\n{log.read_text()}")
