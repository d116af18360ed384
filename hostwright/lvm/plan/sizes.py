"""Sizes as lvm2 reads them: lvcreate(8), lvresize(8)."""

import re
from decimal import Decimal
from math import ceil

from hostwright.base.refusal import Refusal

_UNITS = {unit: 1024**power for power, unit in enumerate("bkmgtpe")} | {"s": 512}
_ABSOLUTE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z])(ib)?", re.IGNORECASE)
_EXTENTS = re.compile(r"(\d+)\s*(?:extents?|le)", re.IGNORECASE)
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%\s*([a-z]+)", re.IGNORECASE)


def extents_of(text: str, *, extent_size: int, group_extents: int, now: int | None = None) -> int:
    """The size `text` means, in extents, rounded up to whole ones as LVM does.

    + text: `50G`, `51200m` (binary units, LVM's own letters), `12800 extents`, `40%VG`
    + extent_size: bytes
    + group_extents: extents in the volume group
    + now: the volume's present size in extents, for the remedy of a relative size

    Refused: a relative size, a bare number, a share of anything but the volume group, nothing at all, zero.
    """
    text = text.strip()
    if text[:1] in "+-" and text:
        raise Refusal(_relative(text, extent_size, group_extents, now))
    if match := _EXTENTS.fullmatch(text):
        extents = int(match[1])
    elif match := _SHARE.fullmatch(text):
        if match[2].upper() != "VG":
            raise Refusal(f"{text!r}: only a share of the volume group is a final size: write {match[1]}%VG, or a size")
        if Decimal(match[1]) > 100:
            raise Refusal(f"{text!r} is more than the whole volume group")
        extents = ceil(Decimal(match[1]) * group_extents / 100)
    elif (match := _ABSOLUTE.fullmatch(text)) and match[2].lower() in _UNITS:
        extents = ceil(Decimal(match[1]) * _UNITS[match[2].lower()] / extent_size)
    elif re.fullmatch(r"\d+(\.\d+)?", text):
        raise Refusal(f"{text!r} has no unit: write {text}G, {text}m or '{text} extents'")
    else:
        raise Refusal(f"{text!r} is no size: write 50G, 51200m, '12800 extents' or 40%VG")
    if extents < 1:
        raise Refusal(f"{text!r} is no size for a volume: it needs one extent at least")
    return extents


def _relative(text: str, extent_size: int, group_extents: int, now: int | None) -> str:
    message = f"{text!r} is relative, and would change the size again at each run"
    if now is None:
        return f"{message}: write the final size"
    try:
        change = extents_of(text[1:], extent_size=extent_size, group_extents=group_extents)
    except Refusal:
        return f"{message}: write the final size"
    final = now + change if text[0] == "+" else now - change
    if final < 1:
        return f"{message}; there are only {size_text(now * extent_size)}: write the final size"
    return f"{message}: write the final size, which would now be '{final} extents' ({size_text(final * extent_size)})"


def size_text(size: int) -> str:
    """Bytes for people, in the unit LVM would take back."""
    for unit, name in ((1024**4, "TiB"), (1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if size >= unit:
            return f"{size / unit:.2f}".rstrip("0").rstrip(".") + f" {name}"
    return f"{size} B"
