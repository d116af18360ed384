"""The data of `deploys/lvm.py`, and what the operations that make and remove blocks are told, validated."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from typing_extensions import override

from hostwright.base.bounds import file_here, short_path
from hostwright.base.refusal import Refusal
from hostwright.base.settings import Settings, Unfit, absolute
from hostwright.lvm.file_systems import KINDS, one_of
from hostwright.lvm.plan.sizes import extents_of

GIB = 1024**3
_LVM_BYTES = 127
_LVM_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-"


def lvm_name(name: str) -> str:
    if not name or name.startswith("-") or set(name) - set(_LVM_CHARACTERS) or name in (".", ".."):
        raise ValueError("no name that LVM takes: letters, digits and + _ . - (lvm(8), VALID NAMES)")
    if len(name) > _LVM_BYTES:
        raise ValueError(f"too long for LVM: {_LVM_BYTES} letters at most")
    return name


class Rebalance(Settings):
    """What `deploys/lvm.py` is told, by its keys without `lvm_`; without `grow` the space stays free."""

    prefix = "lvm_"

    shrink_to: str = Field(
        default="",
        description="The final size of the volume that shrinks, in LVM's binary units.",
        examples=["50G", "40%VG"],
    )
    vg: str = Field(default="centos", description="The volume group.", examples=["centos"])
    shrink: str = Field(default="home", description="The volume that shrinks.", examples=["home"])
    grow: str | None = Field(default="root", description="The volume that grows.", examples=["root"])
    grow_to: str = Field(
        default="100%FREE",
        description="Its final size, or all that is left in the end.",
        examples=["100%FREE", "60%VG"],
    )
    staging: str | None = Field(
        default=None, description="A directory on another file system, if a copy must be staged.", examples=["/var/lib"]
    )
    scratch: str | None = Field(
        default=None, description="A spare disk to borrow, wiped and given back in the end.", examples=["/dev/vdb"]
    )
    busy: Literal["refuse", "stop"] = Field(default="refuse", description="What is done about who uses the volume.")
    strategy: Literal["beside", "staging", "in-place"] | None = Field(
        default=None, description="How the space is freed; chosen by what the host has."
    )
    abandon: bool = Field(default=False, description="Go back to the state before a run that was lost or is at work.")
    trust_copy: bool = Field(default=False, description="End what a lost run began, though its copy cannot be proved.")
    plan_json: str | None = Field(
        default=None,
        description="A file on the controller that gets the plans as JSON, by host.",
        examples=["plans.json"],
    )

    @field_validator("vg", "shrink", "grow")
    @classmethod
    def _is_lvm_name(cls, name: str | None) -> str | None:
        return name if name is None else lvm_name(name)

    @field_validator("staging", "scratch")
    @classmethod
    def _is_absolute(cls, path: str | None) -> str | None:
        return _place(path) if path else None

    @field_validator("plan_json", mode="before")
    @classmethod
    def _is_file(cls, path: object) -> str | None:
        return file_here(path) if path else None

    @field_validator("grow_to")
    @classmethod
    def _is_final(cls, text: str) -> str:
        if "%FREE" in text.replace(" ", "").upper() and not takes_all(text):
            raise ValueError("no final size: write 100%FREE, a size, or a share like 60%VG")
        return text

    @field_validator("shrink_to", "grow_to")
    @classmethod
    def _is_size(cls, text: str) -> str:
        # What a relative size would be is known once the host was asked.
        if text and text.strip()[:1] not in ("+", "-"):
            _check_size(text)
        return text


class Shrinking(Rebalance):
    """What `logical_volume` asks for where a volume must shrink: its keys are the arguments of that."""

    @override
    @classmethod
    def key(cls, field: str) -> str:
        return {"shrink_to": "size", "shrink": "name", "grow_to": "size", "grow": "name"}.get(field, field)


class Block(Settings):
    present: bool = True
    confirm: str | None = None

    @model_validator(mode="after")
    def _confirms_a_removal(self) -> Self:
        if self.present and self.confirm is not None:
            why = "it is for present=False, and a removal would be asked for only once"
            raise self.unfit("confirm", self.confirm, why, "take it away")
        return self


def _place(path: str) -> str:
    return short_path(absolute(path))


def _device(path: str) -> str:
    if set(path) & set(" \t\n*?[\\'\""):
        raise ValueError("no path of a device: it has white space, quotes or wildcards in it")
    return _place(path)


class PhysicalVolumeWish(Block):
    device: str

    _is_device = field_validator("device")(_device)


class VolumeGroupWish(Block):
    name: str
    devices: tuple[str, ...] = ()
    extent_size: str | None = None

    _is_name = field_validator("name")(lvm_name)

    @field_validator("devices")
    @classmethod
    def _are_devices(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_device(path) for path in paths))

    @field_validator("extent_size")
    @classmethod
    def _is_power_of_two(cls, text: str | None) -> str | None:
        size = bytes_of(text) if text else 1024
        if size < 1024 or size & (size - 1):
            raise ValueError("an extent is a power of two, such as 4M or 32M (vgcreate(8))")
        return text

    @model_validator(mode="after")
    def _has_disks(self) -> Self:
        if self.present and not self.devices:
            why = f"{self.key('devices')} is empty"
            raise Unfit(Refusal(why, "name the disks that the group is made of"))
        return self


class LogicalVolumeWish(Block):
    vg: str
    name: str
    size: str | None = None
    fs: str | None = None
    mount: str | None = None
    options: str = "defaults"
    busy: Literal["refuse", "stop"] = "refuse"
    staging: str | None = None
    scratch: str | None = None
    strategy: Literal["beside", "staging", "in-place"] | None = None

    _are_names = field_validator("vg", "name")(lvm_name)
    _are_absolute = field_validator("mount", "staging", "scratch")(_place)

    @field_validator("fs")
    @classmethod
    def _is_known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"it should be {one_of([repr(name) for name in KINDS])}")
        return kind

    @field_validator("size")
    @classmethod
    def _is_size(cls, text: str) -> str:
        _check_size(text)
        return text

    @field_validator("options")
    @classmethod
    def _are_options(cls, text: str) -> str:
        if not text or set(text) & set(" \t\n"):
            raise ValueError("no mount options: words with commas between them and no white space (fstab(5))")
        return text

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.present and self.size is None:
            why = f"{self.key('size')} is not set"
            raise Unfit(Refusal(why, "write 50G, 51200m, '12800 extents', 40%VG or 100%FREE"))
        if self.mount == "/":
            raise self.unfit("mount", self.mount, "the root file system is made by an installer", "name another one")
        if self.fs == "swap" and self.mount:
            remedy = "leave mount out, its line in /etc/fstab is made without it"
            raise self.unfit("mount", self.mount, "swap is not mounted", remedy)
        if self.mount and self.fs is None and self.present:
            raise self.unfit("mount", self.mount, "mount without fs", "name the file system that is to be mounted")
        return self

    @property
    def full_name(self) -> str:
        return f"{self.vg}/{self.name}"


def takes_all(size: str) -> bool:
    return size.replace(" ", "").upper() == "100%FREE"


def _check_size(text: str) -> None:
    if not takes_all(text):
        extents_of(text, extent_size=4 * 1024**2, group_extents=GIB)


def bytes_of(text: str) -> int:
    return extents_of(text, extent_size=1, group_extents=1)
