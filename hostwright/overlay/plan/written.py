"""How an overlay is written: for the kernel, for systemd, and for fstab.

Sources: overlayfs.rst of the kernel, systemd.mount(5), systemd.unit(5), fstab(5).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hostwright.overlay.facts import HostOverlays, Overlay
from hostwright.overlay.settings import OverlayMount

# What lies on hosts; newer runs find it by this.
MARK = "# hostwright-overlay: this file is replaced and removed by its deploy"
LINE_MARK = "x-hostwright-overlay"
GENERIC = ("ro", "noatime", "nodiratime", "relatime", "nodev", "nosuid", "noexec")
LOCAL, REMOTE = "local-fs.target", "remote-fs.target"
_NETWORK = (
    "afs",
    "ceph",
    "cifs",
    "coda",
    "fuse.gluster",
    "fuse.sshfs",
    "gfs",
    "lustre",
    "ncpfs",
    "nfs",
    "ocfs2",
    "smb",
)


# The kernel's FILESYSTEM_MAX_STACK_DEPTH.
_DEPTH = 2


@dataclass(frozen=True)
class Wanted:
    """An overlay that is wished; its paths are without links.

    + remote: a layer, or what it is mounted on, is on the network
    """

    wish: OverlayMount
    target: str
    lowers: tuple[str, ...]
    upper: str
    work: str
    remote: bool = False

    @property
    def name(self) -> str:
        return self.wish.target

    @property
    def layers(self) -> tuple[tuple[str, str], ...]:
        """With what each is called."""
        some = (*(("lower", path) for path in self.lowers), ("upper", self.upper), ("work", self.work))
        return tuple((kind, path) for kind, path in some if path)

    @property
    def generic(self) -> tuple[str, ...]:
        """Options of the mount itself, in a fixed order."""
        return tuple(option for option in GENERIC if option in self.wish.options)

    @property
    def own(self) -> tuple[str, ...]:
        """Those of the overlay."""
        return tuple(sorted(option for option in self.wish.options if option not in GENERIC))


def wanted(found: HostOverlays, wish: OverlayMount, before: Sequence[Wanted] = ()) -> Wanted:
    """
    + before: those that come first in this run; one may be a layer of it
    """

    def real(path: str | None) -> str:
        return found.places[path].real if path else ""

    one = Wanted(wish, real(wish.target), tuple(map(real, wish.lower)), real(wish.upper), real(wish.work))
    far = [other.target for other in before if other.remote]
    paths = (one.target, *(path for _, path in one.layers))
    return replace(one, remote=any(_is_remote(found, path, one.target, far) for path in paths))


def escaped(path: str) -> str:
    """For the kernel."""
    for letter in "\\:,":
        path = path.replace(letter, f"\\{letter}")
    return path


def layers(lowers: Sequence[str], upper: str, work: str) -> str:
    written = [f"lowerdir={':'.join(map(escaped, lowers))}"]
    written += [f"upperdir={escaped(upper)}", f"workdir={escaped(work)}"] if upper else []
    return ",".join(written)


def data(one: Wanted) -> str:
    """What the kernel is given for the overlay."""
    return ",".join([layers(one.lowers, one.upper, one.work), *one.own])


def options(one: Wanted) -> str:
    # A blank or a backslash at the end of a line would be lost: so a word ends it.
    return ",".join([data(one), *one.generic, *(() if "ro" in one.generic else ("rw",))])


def as_before(running: Overlay) -> tuple[str, str]:
    """The options by which one that is mounted comes back, and its layers alone."""
    shown = layers(running.lowers, running.upper, running.work)
    own = [f"{name}={value}" if value else name for name, value in running.options.items()]
    flags = [option for option in (*GENERIC, "rw") if option in running.flags]
    return ",".join([shown, *own, *flags]), shown


def _is_remote(found: HostOverlays, path: str, target: str, far: Sequence[str], deep: int = _DEPTH) -> bool:
    """
    + target: of the overlay that is asked about, which is not looked at itself
    + far: targets that are remote
    """
    mount = found.below(path, target)
    if mount.kind.startswith(_NETWORK) or any(is_in(path, one) for one in far):
        return True
    if any(line.point == mount.point and "_netdev" in line.options for line in found.fstab):
        return True
    # What another overlay is made of counts, too.
    under = found.overlays_at(mount.point)[-1:] if mount.kind == "overlay" and deep else []
    made_of = [found.real.get(layer, layer) for one in under for layer in (*one.lowers, one.upper) if layer]
    return any(_is_remote(found, layer, mount.point, far, deep - 1) for layer in made_of)


def is_in(path: str, directory: str) -> bool:
    """In it or below it, or it itself."""
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")


def wanted_by(one: Wanted) -> str:
    return REMOTE if one.remote else LOCAL


def unit(one: Wanted) -> str:
    said = options(one).replace("\\\\", "\\\\\\\\")
    paths = [one.target, *(path for _, path in one.layers)]
    return "\n".join(
        [
            MARK,
            "[Unit]",
            f"Description=Overlay on {_literal(one.target)}",
            *(f'RequiresMountsFor="{_quoted(path)}"' for path in dict.fromkeys(paths)),
            "",
            "[Mount]",
            "What=overlay",
            f"Where={_literal(one.target)}",
            "Type=overlay",
            f"Options={_literal(('_netdev,' if one.remote else '') + said)}",
            "# By fsconfig(2) newer versions of mount take 255 bytes of layers only.",
            "Environment=LIBMOUNT_FORCE_MOUNT2=always",
            "",
            "[Install]",
            f"WantedBy={wanted_by(one)}",
            "",
        ]
    )


def _literal(text: str) -> str:
    """Without a specifier of systemd."""
    return text.replace("%", "%%")


def _quoted(path: str) -> str:
    return _literal(path).replace("\\", "\\\\")


def fstab_line(one: Wanted) -> str:
    said = [options(one), "nofail", *(["_netdev"] if one.remote else []), LINE_MARK]
    return f"overlay {_in_fstab(one.target)} overlay {_in_fstab(','.join(said))} 0 0"


def _in_fstab(text: str) -> str:
    return text.replace("\\", "\\134").replace(" ", "\\040")


def flags(one: Wanted) -> str:
    """For a remount, which takes all that are not said away; without upper the kernel takes no rw."""
    atime = () if "noatime" in one.generic else ("relatime",)
    return ",".join(dict.fromkeys(("ro" if "ro" in one.generic or not one.upper else "rw", *one.generic, *atime)))
