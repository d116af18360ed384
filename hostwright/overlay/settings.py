"""The data of `deploys/overlay.py`, validated: overlays as people write them."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from hostwright.base.bounds import short_path
from hostwright.base.refusal import Refusal, parted
from hostwright.base.settings import Settings, Unfit, absolute, nested

FLAGS = ("ro", "noatime", "nodiratime", "relatime", "nodev", "nosuid", "noexec", "userxattr", "volatile")
VALUES: Mapping[str, tuple[str, ...]] = {
    "redirect_dir": ("on", "off", "follow", "nofollow"),
    "metacopy": ("on", "off"),
    "index": ("on", "off"),
    "xino": ("on", "off", "auto"),
    "nfs_export": ("on", "off"),
    "uuid": ("on", "off", "null", "auto"),
}
# Two that the kernel refuses together, or takes one of in silence.
_EXCLUSIVE = (
    ("noatime", "relatime"),
    ("metacopy=on", "redirect_dir=off"),
    ("metacopy=on", "redirect_dir=follow"),
    ("metacopy=on", "redirect_dir=nofollow"),
    ("nfs_export=on", "index=off"),
    ("nfs_export=on", "metacopy=on"),
)
_NEEDS_UPPER = ("volatile", "index=on", "nfs_export=on", "uuid=on", "uuid=null")
_LISTED = f"there are: {', '.join([*FLAGS, *(f'{name}={chr(124).join(some)}' for name, some in VALUES.items())])}"
_ONE_OR_MORE = WithJsonSchema({"type": ["array", "string"], "items": {"type": "string"}})


class OverlayMount(Settings):
    """One overlay; see overlayfs.rst of the kernel."""

    target: str = Field(description="Where it is mounted; made if missing.", examples=["/srv/site/merged"])
    lower: Annotated[tuple[str, ...], _ONE_OR_MORE] = Field(
        default=(),
        description="Its lower layers, a path or several; the first hides the second.",
        examples=[["/srv/site/theme", "/srv/site/base"]],
    )
    upper: str | None = Field(
        default=None, description="Where writes go; without it the overlay is read-only.", examples=["/srv/site/upper"]
    )
    work: str | None = Field(
        default=None, description="The kernel's own, empty, beside upper.", examples=["/srv/site/work"]
    )
    options: Annotated[tuple[str, ...], _ONE_OR_MORE] = Field(
        default=(), description=f"Mount options; {_LISTED}.", examples=[["noatime", "redirect_dir=on"]]
    )
    persist: bool = Field(default=True, description="Also after a boot.")
    present: bool = Field(default=True, description="Whether it is to be there; its layers stay.")

    @field_validator("lower", "options", mode="before")
    @classmethod
    def _are_several(cls, value: object, info: Any) -> object:
        if isinstance(value, str):
            return tuple(value.split(",")) if info.field_name == "options" else (value,)
        return () if value is None else value

    @field_validator("options", mode="before")
    @classmethod
    def _are_plain(cls, value: object) -> object:
        if isinstance(value, Mapping):
            raise ValueError("it should be a list: as in [noatime, redirect_dir=on]")
        return value

    @field_validator("target", "upper", "work", "lower")
    @classmethod
    def _are_paths(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if isinstance(value, tuple):
            paths = tuple(_path(one) for one in value)
            if twice := next((path for path in paths if paths.count(path) > 1), None):
                raise ValueError(f"{twice} is named twice: name it once")
            return paths
        return None if value is None else _path(value)

    @field_validator("options")
    @classmethod
    def _are_known(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        seen: set[str] = set()
        for option in options:
            name, _, value = option.partition("=")
            if option not in FLAGS and value not in VALUES.get(name, ()):
                raise ValueError(f"{option!r} is no option that is taken here: {_LISTED}")
            if name in seen:
                raise ValueError(f"{name} is said twice: say it once")
            seen.add(name)
        return options

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if mistakes := self._mistakes():
            raise ValueError("; ".join(": ".join(one) for one in mistakes))
        return self

    def _mistakes(self) -> list[tuple[str, str]]:
        if not self.present:
            return []
        options, found = set(self.options), []
        if not self.lower:
            found.append(("lower is not set", "name one directory at least, as in lower: /srv/site/base"))
        if (self.upper is None) != (self.work is None):
            said, lacking = ("upper", "work") if self.work is None else ("work", "upper")
            found.append((f"{said} is set, and {lacking} is not", "say both, or neither for a read-only overlay"))
        elif self.upper is None:
            if len(self.lower) == 1:
                found.append(
                    (
                        "one lower layer without upper is no overlay to the kernel",
                        "name a second one, or upper and work",
                    )
                )
            if meaningless := [one for one in _NEEDS_UPPER if one in options]:
                found.append((f"{meaningless[0]} means nothing without upper", "leave it out, or say upper and work"))
        if "volatile" in options and self.persist:
            found.append(
                (
                    "volatile with persist, though after a crash the kernel does not mount such an upper again",
                    "leave volatile out, or say persist: false",
                )
            )
        others = [one for one in self.options if one.startswith(("redirect_dir=", "metacopy="))]
        if "userxattr" in options and others:
            found.append((f"userxattr with {others[0]}, of which the kernel takes one", "leave one of them out"))
        for one, other in _EXCLUSIVE:
            if {one, other} <= options:
                found.append((f"{one} with {other}, of which the kernel takes one", "leave one of them out"))
        return found


class OverlaySettings(Settings):
    """What `deploys/overlay.py` is told."""

    prefix = "overlay_"

    mounts: tuple[OverlayMount, ...] = Field(
        min_length=1,
        description="Overlays, each found by its target.",
        examples=[[{"target": "/srv/site/merged", "lower": "/srv/site/base", "upper": "/srv/u", "work": "/srv/w"}]],
    )

    @field_validator("mounts", mode="before")
    @classmethod
    def _are_mappings(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise ValueError('no list of mappings: as in [{"target": "/m", "lower": ["/a", "/b"]}]') from None
        if isinstance(value, Mapping):
            value = [value]
        if not isinstance(value, (list, tuple)):
            return value
        return tuple(_mount(number, one) for number, one in enumerate(value, 1))


def _mount(number: int, said: object) -> OverlayMount:
    if isinstance(said, OverlayMount):
        return said
    if not isinstance(said, Mapping):
        raise ValueError(f"number {number} is no mapping: as in target: /m, lower: [/a, /b]")
    target = said.get("target")
    name = target if isinstance(target, str) and 0 < len(target) < 200 else f"number {number}"
    try:
        return nested(OverlayMount, {key: value for key, value in said.items() if value is not None})
    except ValueError as error:
        raise Unfit(Refusal(*parted(str(error)), key=f"{OverlaySettings.key('mounts')}: {name}")) from None


def _path(path: str) -> str:
    if '"' in path:
        raise ValueError(f"{path!r} has a quote in it, which mount(8) cannot be told: rename it")
    short_path(path)
    try:
        return absolute(path)
    except ValueError as error:
        raise ValueError(f"{path!r} is {error}") from None
