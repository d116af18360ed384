"""What test machines start from: one for each Debian release, kept in the user's cache directory."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.lab.build import RELEASES, build, recipe_hash
from tests.lab.cache import cached
from tests.lab.call import LabError


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


def image(release: str = "bookworm", more: Sequence[str] = ()) -> Image:
    """The image of a Debian release, built first if the cache does not hold it.

    + more: packages beside those of the recipe
    """
    if release not in RELEASES:
        raise LabError(f"no recipe for {release!r}; there is one for each of: {', '.join(RELEASES)}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hostwright" / "lab"
    name = "-".join([release, recipe_hash(), *more])
    return Image(cached(cache / name, partial(build, release, more)))
