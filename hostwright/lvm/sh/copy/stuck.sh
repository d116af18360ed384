# What may read without end in a tree that people work in, and how it is ended.
# given: RUN

# until_unstuck COMMAND...: again, if unstick had to end something of it.
until_unstuck() {
    local attempt
    attempt=0
    while
        attempt=$((attempt + 1))
        : >"$RUN/stuck"
        "$@"
        [ -s "$RUN/stuck" ] && [ $attempt -lt 5 ]
    do :; done
}

# unstick: what was a file when it was listed may be a pipe when it is opened, and that waits for ever; or have holes
# without end. Ends what of ours is stuck in it, as long as people work in the source.
unstick() {
    local stuck at
    trap - HUP INT TERM
    while sleep 2 && kill -0 $$ 2>/dev/null; do
        for stuck in $(grep -lE 'wait_for_partner|fifo' /proc/[0-9]*/wchan 2>/dev/null) \
            $(grep -lxE 'rsync|md5sum|cat' /proc/[0-9]*/comm 2>/dev/null); do
            at=${stuck%/*}
            [ "$(awk '{ sub(/^.*\) /, ""); print $3 }' "$at/stat" 2>/dev/null)" = $$ ] || continue
            case $stuck in */comm) reads_holes "$at" || continue ;; esac
            echo yes >"$RUN/stuck"
            kill "${at#/proc/}" 2>/dev/null
        done
    done
}

# reads_holes /proc/PID: it has read more of a file than there is in it, by far.
reads_holes() {
    local open read_to blocks
    for open in "$1"/fd/*; do
        read_to=$(awk '$1 == "pos:" { print $2 }' "$1/fdinfo/${open##*/}" 2>/dev/null)
        [ "${read_to:-0}" -gt 134217728 ] || continue
        blocks=$(stat -L -c %b "$open" 2>/dev/null) && [ "$read_to" -gt $((blocks * 512 + 134217728)) ] && return 0
    done
    return 1
}
