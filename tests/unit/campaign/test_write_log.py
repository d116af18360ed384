"""The format of QEMU's logs of writes, and which writes a power cut may leave."""

import struct
from pathlib import Path

import pytest

from tests.campaign.write_log import DISCARD, FLUSH, FUA, MAGIC, SECTOR, entries


def sector(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}Q", *numbers).ljust(SECTOR, b"\0")


def test_entries_come_with_the_place_of_what_was_written(tmp_path: Path) -> None:
    log = tmp_path / "writes.log"
    written = sector(8, 2, 0, 0) + b"x" * 2 * SECTOR
    rest = sector(0, 0, FLUSH, 0) + sector(100, 5000, DISCARD, 0) + sector(1, 1, FUA, 0) + b"y" * SECTOR
    # The last one was cut off in the middle.
    log.write_bytes(sector(MAGIC, 1, 0, SECTOR) + written + rest + sector(3, 1, 0, 0))
    found = list(entries(log))
    assert [(entry.at, entry.length) for entry in found] == [(4096, 1024), (0, 0), (51200, 2560000), (512, 512)]
    assert [entry.flushes for entry in found] == [False, True, False, False]
    assert [entry.discards for entry in found] == [False, False, True, False]
    assert [entry.durable for entry in found] == [False, False, False, True]
    assert log.read_bytes()[found[0].data : found[0].data + 1024] == b"x" * 1024
    assert found[-1].end == log.stat().st_size - SECTOR


def test_another_file_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(bytes(4096))
    with pytest.raises(ValueError, match="no log of writes"):
        list(entries(tmp_path / "other"))
