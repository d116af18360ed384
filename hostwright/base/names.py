"""How what we leave on every host is named: written here alone, and handed to sh in its header.

Newer runs find what older ones left by these names: none changes.
"""

RUN = "/run/hostwright"
"""below it is what a boot may take away: jobs, locks, and the way back of addresses"""
LOCKS = f"{RUN}/lock"
KEPT = "/var/lib/hostwright/lock"
"""the highest number of each lock, for the time after a boot"""

ADDRESSES = f"{RUN}/addresses"
"""what undoes a change of addresses, should nobody come back"""

OCCUPIED = "75"
"""the exit code of who did not get a lock: somebody else has it"""
FENCED = "76"
"""the exit code of who had a lock, and has it no more"""

HOLDER = ("number", "count", "lease", "renewed", "taken", "since", "watch", "owner", "doing")
"""the words of the line that says who holds a lock, in their order"""

LOCK_HEADER = {
    "LOCKS": LOCKS,
    "KEPT": KEPT,
    "OCCUPIED": OCCUPIED,
    "FENCED": FENCED,
    "HOLDER": " ".join(f"h_{word}" for word in HOLDER),
}
"""what scripts that take a lock know of this"""
