"""The shell that copies a tree and proves the copy, on plain directories that nobody works in."""

import os
import subprocess
from pathlib import Path

from tests.scripts import script

# What a job does with mounts, and says meanwhile.
STANDING_IN = """
why() { reason=$*; return 1; }
say() { printf '%s\\n' "$*"; }
try() { "$@" >"$RUN/out" 2>&1 || why "$1: $(tail -n 1 "$RUN/out")"; }
mebibytes() { echo "$(($1 / 1048576)) MiB"; }
mount_work() { home_device=0:0 device=/dev/null; }
is_mounted() { :; }
unmount() { :; }
forget() { :; }
check_file_system() { :; }
watch() { :; }
unwatch() { :; }
unstick() { :; }
number_of() { :; }
source_of() { :; }
count_own() { own=''; }
sleep() { :; }
escaped() { printf %s "$1"; }
live=no reason='' QUOTA='' KIND=xfs BUSY=refuse PROOF=''
"""
# As a job mounts both: to read must leave no trace.
NO_ACCESS_TIMES = """
for tree in source copy; do
    mount --make-rprivate / && mount --bind "$WORK/$tree" "$WORK/$tree" &&
        mount -o remount,bind,noatime "$WORK/$tree" || exit 99
done
"""
LIBRARY = ("copying", "kept_proof")


def shell(place: Path, command: str, lists: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs it with the library; home is place/source, its copy place/copy. Commands in place/bin come first."""
    lists = lists or place / "lists"
    lists.mkdir(exist_ok=True)
    (place / "run").mkdir(exist_ok=True)
    header = {"RUN": str(place / "run"), "LISTS": str(lists), "WORK": str(place), "MOUNT": str(place / "source")}
    text = "\n".join([script(*LIBRARY, **header), f"PATH={place}/bin:$PATH", STANDING_IN, NO_ACCESS_TIMES, command])
    environment = os.environ | {"LC_ALL": "C", "TMPDIR": str(lists)}
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", text],
        env=environment,
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
        errors="replace",
    )


# Ends with 0 when the copy is proved; `spoil` comes between the copy that is made in use, and the last look.
def copied_and_proved(place: Path, lists: Path | None = None, spoil: str = ":", first: str = ":") -> tuple[bool, str]:
    done = shell(
        place,
        f'{first}\ncopy_live copy || {{ echo "live: $reason" >&2; exit 1; }}\n{spoil}\n'
        'verify copy || { echo "verify: $reason" >&2; exit 1; }\necho "proof: $PROOF"',
        lists,
    )
    return done.returncode == 0, done.stdout + done.stderr


def command(place: Path, name: str, text: str) -> None:
    """A stand-in for a command, which comes before the real one."""
    (place / "bin").mkdir(exist_ok=True)
    (place / "bin" / name).write_text(text)
    (place / "bin" / name).chmod(0o755)
