# The line of those who wait for a lock. `acquire` sets told, head and delay.
# needs: processes lock_state
# header: OWNER
# given: WATCH

# first_ticket: sets first to the oldest one whose waiter lives, and clears the dead ones away.
first_ticket() {
    local t_process t_watch t_since t_owner
    for first in "$place"/queue/*; do
        [ -e "$first" ] || break
        # shellcheck disable=SC2034 # what is not asked for keeps its place
        IFS=$tab read -r t_process t_watch t_since t_owner <"$first"
        lives "$t_process" && lives "$t_watch" && return 0
        rm -f "$first"
    done
    first=''
}

# draw_ticket: the last in the line.
draw_ticket() {
    local last
    last=0
    for ticket in "$place"/queue/*; do [ ! -e "$ticket" ] || last=${ticket##*/}; done
    last=${last#"${last%%[!0]*}"}
    ticket=$place/queue/$(printf %010d $((${last:-0} + 1)))
    printf '%s\t%s\t%s\t%s\n' "$(identity "$SELF")" "$WATCH" "$(date '+%Y-%m-%dT%H:%M:%S%z')" "$OWNER" \
        >"$place/ticket.new" &&
        mv "$place/ticket.new" "$ticket" || { ticket=''; reason="$place/queue cannot be written"; return 1; }
}

# tell_place: when it is another one than was told last, or another one holds the lock.
tell_place() {
    local before other
    before=1
    for other in "$place"/queue/*; do
        [ "$other" != "$ticket" ] || break
        before=$((before + 1))
    done
    [ "$told" != "$h_owner $before" ] || return 0
    told="$h_owner $before"
    printf '%s\n' "the lock $LOCK is $(told_of_holder); place $before in the line"
}

# pause: longer each time, never the same for two, and at most 2 s for the first in the line; only sleep is started for
# it.
pause() {
    local most
    most=5000
    [ "$head" != "$ticket" ] || most=2000
    [ $delay -le $most ] || delay=$((most - ($$ + now) % 200))
    sleep "$((delay / 1000)).$(printf %03d $((delay % 1000)))"
    delay=$((delay * 5 / 4 + $$ % 97))
}

# worthwhile: whether to try. The first in the line does where nobody holds the lock, or is late; the others leave that
# to it, unless it is dead.
worthwhile() {
    local t_process
    uptime_now
    [ -e "$ticket" ] || return 0
    for head in "$place"/queue/*; do break; done
    IFS=$tab read -r t_process _ <"$head"
    read_holder
    if [ "$head" != "$ticket" ]; then
        ! lives "$t_process"
    else
        [ -z "$h_number" ] || [ "$now" -gt $((h_renewed + h_lease)) ]
    fi
} 2>/dev/null
