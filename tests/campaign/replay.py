"""A disk that goes forward through the record of its writes, to where the power is cut."""

import os
import random
from bisect import bisect_right
from pathlib import Path

from tests.campaign import arena
from tests.campaign.recording import Recording
from tests.campaign.volumes import AREA
from tests.campaign.write_log import Entry, entries
from tests.lab.call import call

CHUNK = 1024**2
ZEROS = bytes(CHUNK)


class Replay:
    """A point is the number of a flush, from 0: all that came before it is on disk."""

    def __init__(self, recording: Recording, directory: Path) -> None:
        self.recording = recording
        self.entries = list(entries(recording.writes))
        # The place of each flush among the entries.
        self.flushes = [number for number, entry in enumerate(self.entries) if entry.flushes]
        self.disk = directory / "disk.raw"
        self._done = 0
        call(["qemu-img", "convert", "-O", "raw", str(recording.prepared.disk), str(self.disk)])

    def points(self) -> range:
        """From the last flush before the deploy's first step to the first one behind its end."""
        first, last = (self.point_after(self.recording.boundaries[number].written) for number in (0, -1))
        return range(max(first - 1, 0), min(last, len(self.flushes) - 1) + 1)

    def point_after(self, written: int) -> int:
        """The first flush that was not yet in the log of writes when that was so long."""
        return bisect_right(self.flushes, written, key=lambda number: self.entries[number].end)

    def writes_before(self, point: int) -> list[Entry]:
        """Those since the flush before."""
        start = self.flushes[point - 1] + 1 if point > 0 else 0
        return self.entries[start : self.flushes[point]]

    def writes_after(self, point: int) -> list[Entry]:
        """Those until the next flush: a power cut between the two may leave any of them."""
        return self.writes_before(point + 1) if point + 1 < len(self.flushes) else []

    def forward(self, point: int) -> Path:
        """The disk as a power cut right after the flush leaves it, if nothing that came later reached it."""
        end = self.flushes[point] + 1
        if end < self._done:
            raise ValueError(f"point {point} is behind already")
        self._write(self.disk, self.entries[self._done : end])
        self._done = end
        return self.disk

    def subset(self, point: int, chance: random.Random, target: Path) -> Path:
        """A copy of the disk, at `point` now, with some of the writes that wait for the next flush.

        They are the first few, as a disk without a cache leaves them, or any at all. LVM writes the text of its
        metadata and then the header that points there with no flush between the two, so it has to rely on their order,
        and no deploy can help that: of its own area they are always the first few.
        """
        after = self.writes_after(point)
        share = chance.choice((0.1, 0.5, 0.9, None))
        if share is None:
            some = after[: chance.randint(0, len(after))]
        else:
            metadata = [entry for entry in after if self._is_metadata(entry)]
            kept = {*metadata[: chance.randint(0, len(metadata))]}
            some = [
                entry
                for entry in after
                if entry.durable or entry in kept or (entry not in metadata and chance.random() < share)
            ]
        self._write(arena.clone(self.disk, target), some)
        return target

    def _is_metadata(self, entry: Entry) -> bool:
        return any(start <= entry.at < start + AREA for start, _ in self.recording.prepared.partitions)

    def _write(self, disk: Path, some: list[Entry]) -> None:
        log = os.open(self.recording.writes, os.O_RDONLY)
        file = os.open(disk, os.O_WRONLY)
        try:
            for entry in some:
                if entry.discards:
                    arena.punch(file, entry.at, entry.length)
                    continue
                for start in range(0, entry.length, CHUNK):
                    chunk = os.pread(log, min(CHUNK, entry.length - start), entry.data + start)
                    if chunk == ZEROS:
                        arena.punch(file, entry.at + start, CHUNK)
                    else:
                        os.pwrite(file, chunk, entry.at + start)
        finally:
            os.close(file)
            os.close(log)
