"""Overlay mounts: found by their target, there after a boot."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State
from pyinfra.api.operation import OperationMeta
from typing_extensions import Unpack

from hostwright.base import transport
from hostwright.base.arguments import NamedArguments
from hostwright.base.observe import observe
from hostwright.base.refusing import named, refusing
from hostwright.base.scripts import script
from hostwright.base.settings import validated
from hostwright.lock.held import fenced
from hostwright.overlay.facts import OverlayHolders, Overlays
from hostwright.overlay.plan.mounts import OverlayPlan, asked, check_busy, decide, draw
from hostwright.overlay.settings import OverlaySettings
from hostwright.planned import planned


@named
def mount(
    target: str,
    lower: str | Sequence[str] = (),
    upper: str | None = None,
    work: str | None = None,
    options: str | Sequence[str] = (),
    persist: bool = True,
    present: bool = True,
    **arguments: Unpack[NamedArguments],
) -> OperationMeta:
    """
    Mount an overlay, now and at every boot; or unmount it.

    + target: where it is mounted; made if missing
    + lower: its lower layers, a path or several: the first hides the second
    + upper: where writes go, made if missing with owner, mode and ACL of the first lower; without it, read-only
    + work: the kernel's own directory, empty and beside upper
    + options: mount options, such as `noatime` or `redirect_dir=on`
    + persist: also after a boot, by a unit of systemd, or by a line of /etc/fstab where there is none
    + present: `False` unmounts it and removes its unit; its layers and the target stay

    Refused, before anything is changed on any host: mistakes that the kernel takes in silence (a work directory with
    files in it, upper or work inside a lower, a layer that another overlay writes to, in any mount namespace); layers
    that are not there; a target with entries, another mount, unit or line of fstab; an upper on a file system that
    cannot be one, or that is full; to unmount what is in use.
    Sources: overlayfs.rst of the kernel, mount(8), systemd.mount(5).

    **Example:**

    .. code:: python

        from hostwright import overlay

        overlay.mount("/srv/site/merged", "/srv/site/base", upper="/srv/site/upper", work="/srv/site/work")
    """
    wish = {"target": target, "lower": lower, "upper": upper, "work": work, "options": options}
    return mounts({"mounts": [wish | {"persist": persist, "present": present}]}, **arguments)


@named
def mounts(settings: Mapping[str, Any], **arguments: Unpack[NamedArguments]) -> OperationMeta:
    """
    Put several overlays right, planned together and in this order.

    + settings: the data of `deploys/overlay.py` by their keys without `overlay_`: `mounts`, a list of mappings with the
      arguments of `mount`

    Refused as by `mount`, and what two of them want of the same directories.

    **Example:**

    .. code:: python

        from hostwright import overlay

        overlay.mounts({"mounts": [{"target": "/srv/all", "lower": ["/srv/a", "/srv/b"]}]})
    """
    with refusing():
        wishes = validated(OverlaySettings, settings).mounts

    def plan(arguments: Mapping[str, Any]) -> OverlayPlan:
        made = decide(observe(Overlays, arguments, **asked(wishes)), wishes)
        if made.unmounted:
            check_busy(made, observe(OverlayHolders, arguments, targets="\n".join(made.unmounted)))
        return made

    def drawn(plan: OverlayPlan) -> str:
        return draw(host.name, plan) if plan.changes else ""

    def acts(plan: OverlayPlan) -> list[FunctionCommand]:
        return [FunctionCommand(_act, (plan,), {})]

    title = f"Overlays on {', '.join(wish.target for wish in wishes)}"
    return planned(title, plan, drawn, acts, arguments, "mounting overlays")


def _act(state: State, host: Host, plan: OverlayPlan) -> bool:  # noqa: ARG001 - pyinfra passes it
    known = transport.connector_arguments(host)
    return transport.run(host, "overlay", told(plan, fenced(":").get_raw_value()), known, print_output=True)[0]


def told(plan: OverlayPlan, ours: str) -> str:
    """
    + ours: a command that ends it once the lock of the host is somebody else's
    """
    calls = [f"step {shlex.join([step.title, *step.call])}" for step in plan.steps]
    return "\n".join([script("overlay"), f"ours() {{ {ours}; }}", *calls])
