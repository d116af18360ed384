# How a job runs on the host: under the host's lock, logged, and put back by undo() when it cannot go on. RUN is its
# directory.
# needs: prelude processes ownership lock
# header: ID STEPS RUN LOG WORK
# sets: reason fence
# By this every process of ours is known, should this one be ended by force.
export HOSTWRIGHT_JOB="$ID"
cd / || exit 1
umask 077
reason=''

# A procedure that has something to do here defines these anew, in a file that stands later.
# prepare: what its steps need in RUN is made. clear_up: what they had beside RUN goes, however the job ends. undo: what
# they have at work is ended, and what they took away is put back.
prepare() { :; }
clear_up() { :; }
undo() { :; }

# ended CODE: from here on it is over for whoever follows.
ended() {
    rm -f "$RUN/reserve"
    printf '%s %s\n' "$1" "$reason" >"$RUN/status.new" && mv "$RUN/status.new" "$RUN/status"
    exit 0
}

finish() {
    local said
    trap '' HUP INT TERM
    clear_up
    rm -f "$RUN/out"
    rmdir "$WORK"/* "$WORK" 2>/dev/null
    (private "${LOG%/*}" && [ ! -L "$LOG" ] && cat "$RUN/log" >>"$LOG") 2>/dev/null
    said=$reason
    guarded release
    reason=$said
    ended "$1"
}

die() {
    trap '' HUP INT TERM
    # A signal may come while we are in a directory that is to be unmounted, and where we write elsewhere.
    cd /
    [ ! -w "$RUN/log" ] || exec >>"$RUN/log" 2>&1
    say "error: $reason"
    rm -f "$RUN/reserve"
    undo
    finish 1
}

begin() {
    exec </dev/null >>"$RUN/log" 2>&1
    identity $$ >"$RUN/process"
    WATCH=$(identity $$)
    # How it ends must be told, and what is to be started again be noted, whatever fills memory meanwhile.
    dd if=/dev/zero of="$RUN/reserve" bs=1024 count=1024 2>/dev/null && prepare ||
        { reason="$RUN cannot take 1 MiB: make room in ${RUN%/*/*/*}"; ended 1; }
    acquire || ended $?
    fence=$h_number
    trap 'why "stopped by a signal (the host shuts down, or somebody ended the job)"; die' HUP INT TERM
    ln -sfn "$ID" "${RUN%/*}/current"
    say "started $(date '+%Y-%m-%d %H:%M:%S %z'), log $LOG"
}

# lost: somebody broke the lock. While nobody else has it, what was taken away may be put back; else nothing is touched
# any more.
lost() {
    local said code
    said=$reason
    guarded attempt
    code=$?
    [ -z "$ticket" ] || rm -f "$ticket"
    reason=$said
    [ $code -ne 0 ] || die
    say "error: $reason"
    ended 1
}

step() {
    local number title
    number=$1 title=$2
    shift 2
    guarded renew "$fence"
    [ $? -ne $FENCED ] || lost
    say "$(date +%T) [$number/$STEPS] $title"
    reason=
    "$@" && return 0
    [ -n "$reason" ] || reason="$1 failed"
    reason="step $number ($title): $reason"
    die
}
