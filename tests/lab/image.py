"""Builds the disk, kernel and keys that test machines start from: once for a Debian release and recipe, then cached."""

import fcntl
import hashlib
import io
import os
import shutil
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab import qemu
from tests.lab.call import LabError, call

RELEASES = ("bookworm", "trixie")
RECIPE = Path(__file__).parent / "recipe"
DISK_SIZE = "8G"


@dataclass(frozen=True)
class Image:
    directory: Path

    @property
    def disk(self) -> Path:
        return self.directory / "base.qcow2"

    @property
    def kernel(self) -> Path:
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.directory / "initrd.img"

    @property
    def key(self) -> Path:
        return self.directory / "key"

    @property
    def host_key(self) -> str:
        """The public key that every machine made from this image shows, as `type base64`."""
        return " ".join((self.directory / "host_key.pub").read_text().split()[:2])


def image(release: str = "bookworm") -> Image:
    """The image of a Debian release, built first if the cache does not hold it."""
    if release not in RELEASES:
        raise LabError(f"no recipe for {release!r}; there is one for each of: {', '.join(RELEASES)}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hostwright" / "lab"
    finished = cache / f"{release}-{_recipe_hash()}"
    if not finished.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f"{finished.name}.lock"):
            if not finished.is_dir():
                unfinished = cache / f"{finished.name}.unfinished"
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                _build(release, unfinished)
                unfinished.rename(finished)
    return Image(finished)


def _recipe_hash() -> str:
    digest = hashlib.sha256(DISK_SIZE.encode())
    for path in sorted(path for path in RECIPE.rglob("*") if path.is_file()):
        digest.update(f"\0{path.relative_to(RECIPE)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(release: str, directory: Path) -> None:
    for name in ("key", "host_key"):
        call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(directory / name)])
    _write_overlay(directory)
    _make_root(release, directory)
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


def _make_root(release: str, directory: Path) -> None:
    packages = ",".join((RECIPE / "packages").read_text().split())
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
