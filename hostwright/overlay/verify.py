"""Overlays, mounted and at a boot.

Sources: overlayfs.rst of the kernel, proc_pid_mountinfo(5), systemd.mount(5), fstab(5).
"""

from hostwright.base.verify import Host, answer, lines, output
from hostwright.overlay import facts


class Overlay:
    """Test an overlay, found by its target

    >>> Overlay(host, "/srv/site/merged").lower
    ('/srv/site/theme', '/srv/site/base')
    """

    def __init__(self, host: Host, target: str) -> None:
        self.host = host
        self.target = target

    def __repr__(self) -> str:
        return f"<overlay {self.target}>"

    @property
    def exists(self) -> bool:
        return self._mounted is not None

    @property
    def lower(self) -> tuple[str, ...]:
        """The first hides the second"""
        return self._there.lowers

    @property
    def upper(self) -> str:
        """Empty where there is none"""
        return self._there.upper

    @property
    def work(self) -> str:
        return self._there.work

    @property
    def is_read_only(self) -> bool:
        """By its options, or by the kernel's own decision"""
        return self._there.read_only or "ro" in self._there.flags

    @property
    def options(self) -> dict[str, str]:
        """Of the mount and of the overlay, as far as the kernel shows them; layers are left out

        >>> Overlay(host, "/srv/site/merged").options
        {'rw': '', 'noatime': '', 'redirect_dir': 'on'}
        """
        return dict.fromkeys(sorted(self._there.flags), "") | dict(self._there.options)

    @property
    def is_persistent(self) -> bool:
        """Whether the next boot mounts it: by a unit that local-fs.target or remote-fs.target wants, or by fstab"""
        said = (facts.fstab_line(line) for line in lines(self.host, "cat /etc/fstab"))
        if any(
            line.point == self._real and line.kind == "overlay" and "noauto" not in line.options
            for line in said
            if line
        ):
            return True
        unit = answer(self.host, "systemd-escape -p --suffix=mount -- %s", self._real)
        wanting = answer(self.host, "systemctl show -p WantedBy -p RequiredBy -- %s", unit) if unit else ""
        return any(f"{one}-fs.target" in wanting for one in ("local", "remote"))

    @property
    def _real(self) -> str:
        return output(self.host, "readlink -m -- %s", self.target).strip("\n")

    @property
    def _mounted(self) -> facts.Overlay | None:
        """What is on top of all that is mounted there."""
        real, found = self._real, None
        for line in lines(self.host, "cat /proc/self/mountinfo"):
            if facts.mount_point(line) == real:
                found = facts.parse_overlay(line)
        return found

    @property
    def _there(self) -> facts.Overlay:
        found = self._mounted
        assert found is not None, f"no overlay is mounted on {self.target}"
        return found
