"""Runs in the guest: writes and reads a file in a directory every 50 ms until a file `stop` is beside the log.

Arguments: the directory, and a directory elsewhere for the log. A line for each attempt: seconds, what (`write` or
`read`), number, and `yes` or what went wrong.
"""

import sys
import time
from pathlib import Path

STEP = 0.05


def main(directory: Path, beside: Path) -> None:
    number = 0
    written = -1
    with (beside / "log").open("w", buffering=1) as log:
        while not (beside / "stop").exists():
            begun = time.monotonic()
            path = directory / f"probe-{number}"
            try:
                path.write_text(str(number))
                written = number
                log.write(f"{begun:.3f} write {number} yes\n")
            except OSError as error:
                log.write(f"{begun:.3f} write {number} {error.strerror}\n")
            if written >= 0:
                try:
                    good = (directory / f"probe-{written}").read_text() == str(written)
                    log.write(f"{begun:.3f} read {written} {'yes' if good else 'other'}\n")
                except OSError as error:
                    log.write(f"{begun:.3f} read {written} {error.strerror}\n")
            number += 1
            time.sleep(max(0.0, begun + STEP - time.monotonic()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
