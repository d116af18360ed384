# What every script of ours begins with.
# given: NONCE RUN
# sets: reason
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# section NAME: what a script that only looks prints from here on is told apart by this. NONCE stands in the header of
# who calls it, and of nobody else: users of the host must not see it.
section() { printf '\n@@ %s %s\n' "$NONCE" "$1"; }

# A full log disk must not end a job, so a failed write is let pass.
say() { printf '%s\n' "$*" 2>/dev/null || :; }

# In the words of a failure the last one counts: it is what the operator reads.
# shellcheck disable=SC2034 # not all who have it ask for it
why() { reason=$*; return 1; }

fail() { printf '%s\n' "$*" >&2; exit 1; }

# try COMMAND...: what it printed is shown only when it failed. For jobs, which have RUN.
try() {
    if "$@" >"$RUN/out" 2>&1; then return 0; fi
    sed 's/^/    /' "$RUN/out" | tail -n 15
    why "$1: $(grep -v '^ *$' "$RUN/out" | tail -n 1)"
}
