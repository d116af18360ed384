"""What is mounted, and what a boot mounts: proc_pid_mountinfo(5), fstab(5), systemd.mount(5)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hostwright.base.observe import pairs

# Where systemd puts what it makes of fstab.
_GENERATED = "/run/systemd/generator"


@dataclass(frozen=True)
class Mount:
    point: str
    device: str
    """MAJOR:MINOR"""
    root: str
    kind: str
    source: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class FstabLine:
    """+ spec, point: what is mounted, and where, without escapes; a point as the kernel will show it
    + real: the device that a path leads to
    """

    text: str
    spec: str
    point: str
    kind: str
    options: str
    real: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """As mount(8) reads them."""
        return tuple(self.text.split())


@dataclass(frozen=True)
class Swap:
    path: str
    used: int


@dataclass(frozen=True)
class MountUnit:
    """What systemd mounts home by.

    + path: a unit that is not made of fstab, or a drop-in that says what is mounted
    + options: those that it says
    """

    known: bool = True
    path: str = ""
    options: str = ""


def unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def parse_mount(line: str) -> Mount:
    before, after = line.split(" - ", 1)
    _, _, device, root, point, options, *_ = before.split(" ")
    kind, source, superblock = [*after.split(" "), "", ""][:3]
    return Mount(
        unescaped(point),
        device,
        unescaped(root),
        kind,
        unescaped(source),
        tuple(options.split(",") + superblock.split(",")),
    )


def parse_swap(line: str) -> Swap:
    words = line.split()
    return Swap(unescaped(words[0]), int(words[3]) * 1024)


def fstab_lines(lines: Sequence[str], leads: Sequence[str] = ()) -> tuple[FstabLine, ...]:
    """+ leads: where the device and the directory of each line lead to that names a device of this host"""
    found = []
    rows = [(line, [word for word in re.split("[ \t]", line) if word]) for line in lines]
    rows = [(line, words) for line, words in rows if len(words) > 1 and not words[0].startswith("#")]
    local = [line for line, words in rows if re.match("/dev/|[A-Z]+=", words[0])]
    pairs_led = list(zip(leads[::2], leads[1::2], strict=False))
    led = dict(zip(local, pairs_led, strict=True)) if len(leads) == 2 * len(local) else {}
    for line, words in rows:
        real, point = led.get(line, ("", words[1]))
        kind, options = [*words[2:4], "", ""][:2]
        spec = unescaped(words[0])
        point = _plain(unescaped(point)) if words[1].startswith("/") else words[1]
        found.append(FstabLine(line, spec, point, kind, options or "defaults", real if spec.startswith("/") else ""))
    return tuple(found)


def _plain(path: str) -> str:
    return f"/{'/'.join(part for part in path.split('/') if part not in ('', '.'))}"


def parse_unit(lines: Sequence[str]) -> MountUnit:
    values = pairs(lines)
    if lines and "FragmentPath" not in values:
        return MountUnit(known=False)
    said = [re.match(r"SET=(.*?): *(\w+?) *= *(.*)", line) for line in lines]
    own = [(one[1], one[2], one[3].strip()) for one in said if one and not one[1].startswith(_GENERATED)]
    paths = [values.get("FragmentPath", ""), *(path for path, key, _ in own if key == "What")]
    path = next((path for path in paths if path and not path.startswith(_GENERATED)), "")
    return MountUnit(path=path, options=",".join(value for _, key, value in own if key == "Options"))
