"""What a boot would find on a disk after a power cut, found without one: it must be home as it was, at every point."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.arena import mounted
from tests.campaign.prepared import Prepared
from tests.campaign.volumes import Unreadable, Volume, Volumes
from tests.lab.call import LabError, call
from tests.lab.tree import differences, listing_here

ROOT = "/dev/mapper/centos-root"
IMAGES = "var/lib/hostwright"


class Lost(Exception):
    """Home is not what it was, or the host would not come up with it."""


@dataclass(frozen=True)
class Found:
    """
    + home: what the boot takes home from: its `volume` by the line that fstab always had, the `copy`, or the `image`
    + volume: which volume that is, and its size
    """

    home: str
    volume: str


def look(disk: Path, base: Prepared, volumes: Volumes, directory: Path) -> Found:
    """Check everything, on copies made in `directory`, where the disk is as well."""
    try:
        found = {volume.names[0]: volume for volume in volumes.of(disk)}
    except Unreadable as error:
        raise Lost(f"LVM: {error}") from error
    if ROOT not in found:
        raise Lost(f"there is no {ROOT}, but {', '.join(found) or 'no volume at all'}")
    with _mounted(found[ROOT].copy(disk, directory / "root.raw"), directory / "root", "xfs", "loop,noatime") as root:
        stray = [path.name for path in (root / "home").iterdir()]
        if stray:
            raise Lost(f"the directory under the mount point of home is not empty: {stray}")
        spec, kind, options = _line(root / "etc/fstab")
        if not spec.startswith(("UUID=", "LABEL=", "/dev/")):
            image = root / spec.lstrip("/")
            if "loop" not in options.split(",") or not image.is_file():
                raise Lost(f"fstab takes home from {spec} with {options}")
            _compare(image, directory / "home", kind, options, base)
            return Found("image", "")
        home = _named(spec, list(found.values()), disk, directory)
        _compare(home.copy(disk, directory / "home.raw"), directory / "home", kind, options, base)
        return Found("copy" if "/by-id/" in spec else "volume", f"{home.dm_uuid} {home.size}")


def _line(fstab: Path) -> tuple[str, str, str]:
    lines = [line.split() for line in fstab.read_text().splitlines() if not line.lstrip().startswith("#")]
    ours = [fields for fields in lines if len(fields) >= 4 and fields[1] == "/home"]
    if len(ours) != 1:
        raise Lost(f"fstab has {len(ours)} lines for home:\n{fstab.read_text()}")
    return ours[0][0], ours[0][2], ours[0][3]


def _named(spec: str, volumes: Sequence[Volume], disk: Path, directory: Path) -> Volume:
    """The one volume that a running host would find by the first field of fstab's line."""
    key, _, value = spec.partition("=")
    if value:
        said = {volume: _says(volume.copy(disk, directory / "volume.raw"), key) for volume in volumes}
        found = [volume for volume in volumes if said[volume] == value]
    else:
        found = [volume for volume in volumes if spec in volume.names]
    if len(found) != 1:
        names = ", ".join(f"{volume.name} {volume.dm_uuid}" for volume in found or volumes)
        raise Lost(f"fstab takes home from {spec}: {len(found)} volumes are that ({names})")
    return found[0]


def _says(path: Path, key: str) -> str:
    try:
        return call(["blkid", "-p", "-o", "value", "-s", key, str(path)]).strip()
    except LabError:
        # blkid fails where it finds nothing, or more than one thing.
        return ""


def _compare(what: Path, at: Path, kind: str, options: str, base: Prepared) -> None:
    loop = [] if "loop" in options.split(",") else ["loop"]
    with _mounted(what, at, kind, ",".join([*loop, options, "noatime"])) as home:
        changes = differences(base.home, listing_here(home))
    if changes:
        raise Lost("\n".join([f"{len(changes)} differences:", *changes[:20]]))


@contextmanager
def _mounted(what: Path, at: Path, kind: str, options: str) -> Iterator[Path]:
    with ExitStack() as stack:
        # Another machine's clone of the same file system may be mounted here as well.
        whole = f"{options},nouuid" if kind == "xfs" else options
        try:
            path = stack.enter_context(mounted(what, at, kind, whole))
        except LabError as error:
            raise Lost(f"{what.name} does not mount: {error}") from error
        yield path
