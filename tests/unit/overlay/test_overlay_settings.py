"""Overlays as people write them, and what is refused before any host is asked."""

import json
from typing import Any

import pytest

from hostwright.base.refusal import Refusal
from hostwright.base.settings import validated
from hostwright.overlay.settings import FLAGS, VALUES, OverlaySettings

SITE: dict[str, Any] = {"target": "/m", "lower": "/a", "upper": "/u", "work": "/w"}


def test_as_people_write_them() -> None:
    for said in ([SITE], SITE, json.dumps([SITE]), json.dumps(SITE)):
        [one] = validated(OverlaySettings, {"mounts": said}).mounts
        assert (one.target, one.lower, one.upper, one.work) == ("/m", ("/a",), "/u", "/w")
        assert (one.options, one.persist, one.present) == ((), True, True)
    for options in ("ro,nodev", ["ro", "nodev"]):
        [one] = validated(OverlaySettings, {"mounts": [SITE | {"options": options, "persist": "no"}]}).mounts
        assert (one.options, one.persist) == (("ro", "nodev"), False)
    [one] = validated(OverlaySettings, {"mounts": [{"target": "/m/", "present": "no"}]}).mounts
    assert (one.target, one.present) == ("/m", False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lower": "a"}, "lower 'a' is no absolute path: write it from / on"),
        ({"target": "m"}, "overlay_mounts: m: target 'm' is no absolute path: write it from / on"),
        ({"upper": "/u/../x"}, "upper '/u/../x' is no path as it is: write it without '..'"),
        ({"lower": '/a"b'}, "has a quote in it, which mount(8) cannot be told: rename it"),
        ({"lower": "/a\nb"}, "is no path as it is: write it without '..', line breaks and control characters"),
        ({"lower": ["/a", "/a/"]}, "lower /a is named twice: name it once"),
        ({"lower": None}, "lower is not set: name one directory at least"),
        ({"work": None}, "upper is set, and work is not: say both, or neither for a read-only overlay"),
        ({"upper": None}, "work is set, and upper is not: say both"),
        ({"upper": None, "work": None}, "one lower layer without upper is no overlay to the kernel: name a second one"),
        ({"upper": None, "work": None, "lower": ["/a", "/b"], "options": "index=on"}, "index=on means nothing without"),
        (
            {"options": "volatile"},
            "volatile with persist, though after a crash the kernel does not mount such an upper",
        ),
        (
            {"options": "userxattr,metacopy=off"},
            "userxattr with metacopy=off, of which the kernel takes one: leave one",
        ),
        ({"options": "userxattr,redirect_dir=on"}, "userxattr with redirect_dir=on, of which the kernel takes one"),
        ({"options": "noatime,relatime"}, "noatime with relatime, of which the kernel takes one"),
        (
            {"options": "metacopy=on,redirect_dir=off"},
            "metacopy=on with redirect_dir=off, of which the kernel takes one",
        ),
        ({"options": "index=on,index=off"}, "index is said twice: say it once"),
        (
            {"options": "lowerdir=/x"},
            f"'lowerdir=/x' is no option that is taken here: there are: {', '.join(FLAGS)}, red",
        ),
        ({"options": "xino=maybe"}, "'xino=maybe' is no option that is taken here: there are"),
        ({"options": {"ro": True}}, "options should be a list: as in [noatime, redirect_dir=on]"),
        ({"lowers": "/a"}, "lowers is no key here; lower was probably meant"),
        ({"persist": "maybe"}, "persist should be yes or no"),
        ({"target": None}, "overlay_mounts: number 1: target is not set, and has no default"),
        ({"target": "/" + "a" * 300}, "overlay_mounts: number 1: target too long for a path: 255 bytes for each name"),
    ],
)
def test_what_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal) as refused:
        validated(OverlaySettings, {"mounts": [SITE | change]})
    assert said in str(refused.value)
    assert str(refused.value).startswith("overlay_mounts: ")


@pytest.mark.parametrize("value", ["x", "[", 5, [5], ["/m"], [], "[]"])
def test_what_is_no_list_of_mappings(value: object) -> None:
    with pytest.raises(Refusal, match=r"^overlay_mounts = "):
        validated(OverlaySettings, {"mounts": value})


def test_every_option_is_listed() -> None:
    with pytest.raises(Refusal) as refused:
        validated(OverlaySettings, {"mounts": [SITE | {"options": "x"}]})
    assert all(f"{name}={'|'.join(some)}" in str(refused.value) for name, some in VALUES.items())
