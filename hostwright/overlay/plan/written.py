"""How an overlay is written: for the kernel, for systemd, and for fstab.

Sources: overlayfs.rst of the kernel, systemd.mount(5), systemd.unit(5), fstab(5).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hostwright.overlay.facts import HostOverlays, Overlay
from hostwright.overlay.settings import OverlayMount

# What lies on hosts; newer runs find it by this.
MARK = "# hostwright-overlay: this file is replaced and removed by its deploy"
LINE_MARK = "x-hostwright-overlay"
GENERIC = ("ro", "noatime", "nodiratime", "relatime", "nodev", "nosuid", "noexec")
LOCAL, REMOTE = "local-fs.target", "remote-fs.target"
_NETWORK = ("afs", "ceph", "cifs", "coda", "gfs", "gfs2", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs")


@dataclass(frozen=True)
class Wanted:
    """An overlay that is wished; its paths are without links."""

    wish: OverlayMount
    target: str
    lowers: tuple[str, ...]
    upper: str
    work: str

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


def wanted(found: HostOverlays, wish: OverlayMount) -> Wanted:
    def real(path: str | None) -> str:
        return found.places[path].real if path else ""

    return Wanted(wish, real(wish.target), tuple(map(real, wish.lower)), real(wish.upper), real(wish.work))


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


def is_remote(found: HostOverlays, one: Wanted) -> bool:
    for path in (one.target, *(path for _, path in one.layers)):
        mount = found.below(path, one.target)
        if mount.kind in _NETWORK or mount.kind.startswith("fuse.sshfs") or mount.kind.startswith("fuse.gluster"):
            return True
        if any(line.point == mount.point and "_netdev" in line.options for line in found.fstab):
            return True
    return False


def wanted_by(found: HostOverlays, one: Wanted) -> str:
    return REMOTE if is_remote(found, one) else LOCAL


def unit(found: HostOverlays, one: Wanted) -> str:
    remote = is_remote(found, one)
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
            f"Options={_literal(('_netdev,' if remote else '') + said)}",
            "# By fsconfig(2) newer versions of mount take 255 bytes of layers only.",
            "Environment=LIBMOUNT_FORCE_MOUNT2=always",
            "",
            "[Install]",
            f"WantedBy={REMOTE if remote else LOCAL}",
            "",
        ]
    )


def _literal(text: str) -> str:
    """Without a specifier of systemd."""
    return text.replace("%", "%%")


def _quoted(path: str) -> str:
    return _literal(path).replace("\\", "\\\\")


def fstab_line(found: HostOverlays, one: Wanted) -> str:
    said = [options(one), "nofail", *(["_netdev"] if is_remote(found, one) else []), LINE_MARK]
    return f"overlay {_in_fstab(one.target)} overlay {_in_fstab(','.join(said))} 0 0"


def _in_fstab(text: str) -> str:
    return text.replace("\\", "\\134").replace(" ", "\\040")


def flags(one: Wanted) -> str:
    """For a remount, which takes all that are not said away; without upper the kernel takes no rw."""
    atime = () if "noatime" in one.generic else ("relatime",)
    return ",".join(dict.fromkeys(("ro" if "ro" in one.generic or not one.upper else "rw", *one.generic, *atime)))
