# The host lock: who may change this host now. Each change is one compare and swap: decided, and renamed into place,
# under a mutex that the kernel frees with its process.
# needs: processes ownership lock_state lock_queue
# header: OWNER CONNECTION LOCKS KEPT OCCUPIED FENCED
# given: WAIT LEASE DOING WATCH

# works_here: a process of its holder's run is at work on this host: it comes from its connection, or bears its name.
# So, too, where that cannot be told.
works_here() {
    local of uid named listed
    read -r of uid <"$place/user" && [ "$of" = "$h_number" ] || uid=''
    named=$(bearing "HOSTWRIGHT_OWNER=$h_owner" "$uid") && [ -z "$named" ] || return 0
    lives "$h_watch" || return 1
    # Of what `stat` tells, a process that names itself so makes more lines.
    listed=$(LC_ALL=C grep -sHE '^(Name|State|PPid):' "$PROC"/[0-9]*/status) || [ $? -le 2 ] || return 0
    printf '%s\n' "$listed" | awk -v watch="${h_watch%:*}" '
        { at = index($0, "/status:"); pid = substr($0, 1, at - 1); sub(/^.*\//, "", pid); $0 = substr($0, at + 8) }
        $1 == "PPid:" { parent[pid] = $2 }
        $1 == "State:" && $2 ~ /[ZX]/ || $1 == "Name:" && $2 == "sftp-server" { idle[pid] = 1 }
        END { if (!(watch in parent)) exit 0
              for (pid in parent) { if (pid == watch || idle[pid]) continue
                for (up = parent[pid]; up + 0 > 1; up = parent[up]) if (up == watch) exit 0 }
              exit 1 }'
} 2>/dev/null

# is_free: nobody holds it, or its owner is dead: its lease lapsed, and nothing of its run is left here.
is_free() {
    read_holder || return 0
    uptime_now
    [ "$now" -gt $((h_renewed + h_lease)) ] && ! works_here
}

# next_number: greater than any before, also across reboots. Those of a month are noted on disk before any of them is
# used; the time stands in for that note where the disk cannot be written: it may be for a full disk that the host is
# changed.
next_number() {
    local time most
    number=0
    read -r number <"$place/number" || read -r number <"$KEPT/$LOCK"
    time=$(date +%s)
    [ "$number" -ge "$time" ] || number=$time
    number=$((number + 1)) most=0
    read -r most <"$KEPT/$LOCK"
    if [ "$number" -gt "${most:-0}" ]; then
        { mkdir -p "$KEPT" && echo $((number + 2592000)) | dd of="$KEPT/$LOCK.new" conv=fsync &&
            mv "$KEPT/$LOCK.new" "$KEPT/$LOCK" && sync "$KEPT"; } ||
            rm -f "$KEPT/$LOCK.new"
    fi
    echo "$number" >"$place/number.new" && mv "$place/number.new" "$place/number" ||
        { reason="$place cannot be written"; return 1; }
} 2>/dev/null

# attempt: the compare and swap. Held afterwards, or OCCUPIED, with a place in the line.
attempt() {
    local first number
    uptime_now
    if read_holder && [ "$h_owner" = "$OWNER" ]; then
        h_count=$((h_count + 1)) h_renewed=$now
        write_holder
        return
    fi
    first_ticket
    if is_free && { [ -z "$first" ] || [ "$first" = "$ticket" ]; }; then
        next_number || return 1
        h_number=$number h_count=1 h_lease=$LEASE h_renewed=$now h_taken=$now h_since=$(date '+%Y-%m-%dT%H:%M:%S%z')
        h_watch=$WATCH h_owner=$OWNER h_doing=$DOING
        # Whose processes count as its run's, beside root's.
        echo "$number $(uid_of "${WATCH%:*}")" >"$place/user" && write_holder ||
            { reason="$place cannot be written"; return 1; }
        [ -z "$ticket" ] || rm -f "$ticket"
        ticket='' taken=yes
        return 0
    fi
    [ -n "$ticket" ] && [ -e "$ticket" ] || draw_ticket || return 1
    return $OCCUPIED
}

# acquire: WAIT (seconds), LEASE (seconds), DOING (for people) and WATCH are set. OCCUPIED when it was not to be had in
# time.
acquire() {
    local delay told head end code
    delay=200 told='' head=''
    private "${LOCKS%/*}" "$LOCKS" "$place" "$place/queue" || { reason="$place cannot be made: $reason"; return 1; }
    trap '[ -z "$ticket" ] || rm -f "$ticket"; exit 1' HUP INT TERM
    uptime_now
    end=$((now + WAIT))
    guarded attempt
    code=$?
    while [ $code -eq $OCCUPIED ]; do
        uptime_now
        if [ "$now" -ge $end ] || [ ! -d "$PROC/${WATCH%:*}" ]; then
            rm -f "$ticket"
            reason="the lock $LOCK is $(told_of_holder): waited $WAIT s"
            return $OCCUPIED
        fi
        tell_place
        pause
        ! worthwhile || { guarded attempt; code=$?; }
    done
    trap - HUP INT TERM
    [ $code -ne 0 ] || [ -z "$taken" ] || keep
    return $code
}

# sign_of_life: grows while the owner's end of the connection sends anything (CONNECTION=yes: WATCH is its sshd, which
# outlives a connection that broke in silence); elsewhere a process that lives is enough.
sign_of_life() {
    local word
    life=$now
    [ "$CONNECTION" = yes ] || return 0
    while read -r word life; do [ "$word" != rchar: ] || return 0; done <"$PROC/${h_watch%:*}/io" || life=$now
} 2>/dev/null

# keep: renews the lease while the owner lives, and ends with it.
keep() {
    (
        trap '' HUP
        number=$h_number before=''
        while lives "$h_watch"; do
            uptime_now
            sign_of_life
            if [ "$life" != "$before" ]; then
                before=$life
                guarded renew "$number" || exit 0
            fi
            sleep $((h_lease / 4 + 1))
        done
    ) </dev/null >/dev/null 2>&1 8>&- &
    echo "$!" >"$place/keeper"
}

# renew NUMBER: refused once the lock went on to somebody else, or was broken.
renew() {
    if ! read_holder || [ "$h_number" != "$1" ]; then
        uptime_now
        reason="the lock $LOCK was lost (its number was $1): now it is $(told_of_holder)"
        return $FENCED
    fi
    uptime_now
    h_renewed=$now
    write_holder
}

# drop: what comes of a release or a break.
drop() {
    local keeper
    rm -f "$place/holder" || { reason="$place/holder cannot be removed"; return 1; }
    read -r keeper <"$place/keeper" && kill "$keeper"
    return 0
} 2>/dev/null

# release [all]: as often as it was acquired, or altogether.
release() {
    read_holder || return 0
    uptime_now
    [ "$h_owner" = "$OWNER" ] ||
        { reason="the lock $LOCK is not $OWNER's to release: it is $(told_of_holder)"; return 1; }
    h_count=$((h_count - 1))
    if [ $h_count -gt 0 ] && [ "${1-}" != all ]; then write_holder; else drop; fi
}

# break_lock: takes it from OWNER, for a person who knows that they are no more.
break_lock() {
    read_holder || { reason="nobody holds the lock $LOCK any more"; return 1; }
    uptime_now
    [ "$h_owner" = "$OWNER" ] || { reason="the lock $LOCK is not $OWNER's: it is $(told_of_holder)"; return 1; }
    drop
}
