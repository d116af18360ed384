"""Who uses overlays (sh/overlay_holders.sh writes what is read here)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from typing_extensions import override

from hostwright.base.observe import ScriptFact, parsing
from hostwright.base.refusal import DidNotTell
from hostwright.base.scripts import NONCE, script, sections


@dataclass(frozen=True)
class Holder:
    """Who or what keeps an overlay from being unmounted.

    + kind: `process`, `mount`, `loop device`, `swap file` or `NFS export`
    """

    kind: str
    what: str
    user: str = ""
    unit: str = ""
    how: str = ""
    command: str = ""

    @property
    def words(self) -> str:
        if self.kind != "process":
            return f"{self.kind} {self.what}"
        of = f" of {self.unit}" if self.unit not in ("", "-") else ""
        return f"process {self.what}{of}, {self.user} ({self.how}): {self.command.strip()}"


@parsing()
def parse_holders(lines: list[str], nonce: str = "") -> dict[str, tuple[Holder, ...]]:
    found = sections(lines, nonce, ("holders *", "told"))
    if "told" not in found:
        raise DidNotTell("its answer is not whole")
    return {
        name.removeprefix("holders "): tuple(Holder(*line.split("\t", 5)) for line in some)
        for name, some in found.items()
        if name != "told"
    }


class OverlayHolders(ScriptFact[Mapping[str, Sequence[Holder]]]):
    """Who uses overlays, by target.

    + targets: where they are mounted, paths without links, one a line
    """

    what = "who uses its overlays"

    @override
    def text(self, targets: str) -> str:
        return script("overlay_holders", TARGETS=targets)

    @override
    def parsed(self, output: list[str]) -> Mapping[str, Sequence[Holder]]:
        return parse_holders(output, NONCE)
