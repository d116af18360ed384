"""What campaigns have tried so far: a line of JSON for each point, so that none is tried twice."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results.jsonl"


@dataclass(frozen=True)
class Result:
    """
    + commit: the package's tree, as `git rev-parse --short HEAD:hostwright` names it
    + recording: which one the point is of; each is another one, even of the same package. Of cuts, what bears on them
    + kind: `flush`, `subset` (of the writes after it), `boot`, `cut` (`point` says how often) or `full` (from a step)
    + seed: of the subset, or of the cuts; of `full`, what was full, by its number
    + outcome: `whole`; of boots also `resumed` or `went-back`; `lost` is what must not be
    + home: where a boot takes it from: `volume`, `copy` or `image`; of `full`, what was full
    """

    commit: str
    campaign: str
    scenario: str
    recording: str
    point: int
    seed: int
    kind: str
    outcome: str
    home: str
    seconds: float
    detail: str = ""

    @property
    def key(self) -> tuple[str, str, int, str, int]:
        return self.scenario, self.recording, self.point, self.kind, self.seed


def read(path: Path) -> list[Result]:
    return [Result(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def append(path: Path, result: Result) -> None:
    known = {key: value for key, value in asdict(result).items() if value != ""}
    with path.open("a") as file:
        file.write(json.dumps({"home": "", **known}) + "\n")


def report(path: Path) -> str:
    """A table by package and scenario."""
    columns = ["points", "subsets", "boots", "cuts", "full", "resumed", "went on", "went back", "lost", "s/point"]
    rows: dict[tuple[str, str], Counter[str]] = {}
    for result in read(path):
        row = rows.setdefault((result.commit, result.scenario), Counter())
        column = {"flush": "points", "subset": "subsets", "boot": "boots", "cut": "cuts", "full": "full"}[result.kind]
        row[column] += result.point if column == "cuts" else 1
        row[result.outcome.replace("-", " ")] += 1
        if result.kind in ("flush", "subset"):
            row["milliseconds"] += round(result.seconds * 1000)
    lines = [["package", "scenario", *columns]]
    for (commit, scenario), row in rows.items():
        looked = row["points"] + row["subsets"]
        each = f"{row['milliseconds'] / looked / 1000:.2f}" if looked else "-"
        lines.append([commit, scenario, *(str(row[column]) for column in columns[:-1]), each])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(word.ljust(width) if number < 2 else word.rjust(width) for number, (word, width) in enumerate(cells))
        for cells in (list(zip(line, widths, strict=True)) for line in lines)
    )
