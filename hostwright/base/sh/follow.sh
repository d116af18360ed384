# look LINE: the job's log from that line on, and how it ended if it has.
# needs: prelude processes
# header: NONCE RUN
look() {
    local ended
    cd /
    ended=$(cat "$RUN/status" 2>/dev/null)
    section log
    tail -n "+$1" "$RUN/log" 2>/dev/null | sed 's/^/| /'
    [ -z "$ended" ] || { section status; printf '%s\n' "$ended"; }
    if [ -z "$ended" ] && ! lives "$(cat "$RUN/process" 2>/dev/null)" && [ ! -e "$RUN/status" ]; then
        section gone
        echo yes
    fi
}
