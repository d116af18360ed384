"""Sizes as lvm2 reads them: lvcreate(8), lvresize(8)."""

import re
from decimal import Decimal
from math import ceil

from hostwright.base.refusal import Refusal, parted
from hostwright.base.settings import Settings
from hostwright.lvm.facts.groups import Group

_UNITS = {unit: 1024**power for power, unit in enumerate("bkmgtpe")} | {"s": 512}
# More digits than these have no size that any disk has.
_NUMBER = r"[0-9]{1,20}(?:\.[0-9]{1,20})?"
_ABSOLUTE = re.compile(rf"({_NUMBER}) *([a-z])(ib)?", re.IGNORECASE | re.ASCII)
_EXTENTS = re.compile(r"([0-9]{1,20}) *(?:extents?|le)", re.IGNORECASE | re.ASCII)
_SHARE = re.compile(rf"({_NUMBER}) *% *([a-z]+)", re.IGNORECASE | re.ASCII)


def wished_extents(wish: Settings, field: str, group: Group, now: int | None = None) -> int:
    """The size that a wish has in this field, as `extents_of` reads it, or a refusal that names the key."""
    text = getattr(wish, field)
    try:
        return extents_of(text, extent_size=group.extent_size, group_extents=group.extents, now=now)
    except ValueError as error:
        raise Refusal(*parted(str(error)), key=wish.key(field), value=text) from None


def extents_of(text: str, *, extent_size: int, group_extents: int, now: int | None = None) -> int:
    """The size `text` means, in extents, rounded up to whole ones as LVM does.

    + text: `50G`, `51200m` (binary units, LVM's own letters), `12800 extents`, `40%VG`
    + extent_size: bytes
    + group_extents: extents in the volume group
    + now: the volume's present size in extents, for the remedy of a relative size

    ValueError: a relative size, a bare number, a share of anything but the volume group, nothing at all, zero.
    """
    text = text.strip(" ")
    if text[:1] in "+-" and text:
        raise ValueError(_relative(text, extent_size, group_extents, now))
    if match := _EXTENTS.fullmatch(text):
        extents = int(match[1])
    elif match := _SHARE.fullmatch(text):
        if match[2].upper() != "VG":
            raise ValueError(f"only a share of the volume group is a final size: write {match[1]}%VG, or a size")
        if Decimal(match[1]) > 100:
            raise ValueError("more than the whole volume group: write 100%VG at most")
        extents = ceil(Decimal(match[1]) * group_extents / 100)
    elif (match := _ABSOLUTE.fullmatch(text)) and match[2].lower() in _UNITS:
        extents = ceil(Decimal(match[1]) * _UNITS[match[2].lower()] / extent_size)
    elif re.fullmatch(_NUMBER, text):
        raise ValueError(f"a size without a unit: write {text}G, {text}m or '{text} extents'")
    elif match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgtpe])b", text, re.IGNORECASE):
        # It may be meant as powers of 1000, which LVM has other letters for.
        raise ValueError(f"no size: write {match[1]}{match[2].upper()}, in LVM's binary units")
    elif match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text):
        raise ValueError(f"no size, as it does not say of what: write {match[1]}%VG for a share of the volume group")
    else:
        raise ValueError("no size: write 50G, 51200m, '12800 extents' or 40%VG")
    if extents < 1:
        raise ValueError("no size for a volume, which has one extent at least: write '1 extents' or more")
    return extents


def _relative(text: str, extent_size: int, group_extents: int, now: int | None) -> str:
    message = "a relative size, which would change the volume again at each run"
    if now is None:
        return f"{message}: write the final size"
    try:
        change = extents_of(text[1:], extent_size=extent_size, group_extents=group_extents)
    except ValueError:
        return f"{message}: write the final size"
    final = now + change if text[0] == "+" else now - change
    if final < 1:
        return f"{message}, and the volume has only {size_text(now * extent_size)}: write the final size"
    return f"{message}: write the final size, which would now be '{final} extents' ({size_text(final * extent_size)})"


def size_text(size: int) -> str:
    """Bytes for people, in the unit LVM would take back."""
    for unit, name in ((1024**4, "TiB"), (1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if size >= unit:
            return f"{size / unit:.2f}".rstrip("0").rstrip(".") + f" {name}"
    return f"{size} B"
