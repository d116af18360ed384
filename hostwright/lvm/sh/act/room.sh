# Who uses the source, and how they are kept from it.
# needs: prelude holders quotas units
# given: MOUNT LOGIN BUSY RUN

# name_holders DIRECTORY: for people, and never nothing.
name_holders() {
    local held names
    held=$(holders "$1" "$LOGIN") && names=$(printf '%s\n' "$held" | awk -F '\t' '$1 == "process" {
        printf "%s%s (pid %s, user %s, %s%s)", sep, $6, $2, $3, $5, ($4 == "-" ? "" : ", " $4); sep = "; " }
        $1 != "process" && NF { printf "%s%s %s", sep, $1, $2; sep = "; " }') || names='whom could not be found out'
    printf '%s\n' "${names:-nobody that can be seen from here (fuser -vm $1 may tell more)}"
}

# make_room: nobody but us is left in the source; refuses, or stops units first, then what still runs.
make_room() {
    local held units unit signal tries pids
    held=$(steady_holders "$MOUNT" "$LOGIN") || { why "who uses $MOUNT could not be found out"; return 1; }
    [ -n "$held" ] || return 0
    if [ "$BUSY" != stop ]; then
        why "$MOUNT is in use by $(name_holders "$MOUNT")"
        return 1
    fi
    # Containers come before their engine.
    units=$(printf '%s\n' "$held" | awk -F '\t' '$1 == "process" && $4 != "-" { print $4 }') &&
        units=$(printf '%s\n' "$units" | sort -ru) ||
        { why "the units that use $MOUNT could not be listed"; return 1; }
    for unit in $units; do
        say "    stopping $unit"
        noted "$unit" || return 1
        unit stop "$unit" && continue
        case $unit in user@*/*) ;; *) return 1 ;; esac
        say "    $reason: stopping ${unit%%/*} as a whole"
        noted "${unit%%/*}" && unit stop "${unit%%/*}" || return 1
    done
    for signal in TERM KILL; do
        tries=0
        while [ $tries -lt 50 ]; do
            held=$(holders "$MOUNT" "$LOGIN") &&
                pids=$(printf '%s\n' "$held" | awk -F '\t' '$1 == "process" { print $2 }') ||
                { why "who uses $MOUNT could not be found out"; return 1; }
            [ -n "$pids" ] || break
            [ $tries -gt 0 ] || {
                say "    ending ($signal) $(name_holders "$MOUNT")"
                kill -s $signal $pids 2>/dev/null
            }
            tries=$((tries + 1))
            sleep 0.2
        done
    done
    held=$(steady_holders "$MOUNT" "$LOGIN") && [ -z "$held" ] ||
        why "$MOUNT is still in use by $(name_holders "$MOUNT")"
}

# verb: freeze
# From here to the exchange nobody can write; the superblock itself is read-only, in every namespace.
freeze() {
    local tries
    make_room && note_quotas || return 1
    tries=0
    until mount -o remount,ro "$MOUNT" 2>"$RUN/out"; do
        tries=$((tries + 1))
        [ $tries -lt 30 ] || {
            why "$MOUNT cannot be made read-only ($(tail -n 1 "$RUN/out")): held by $(name_holders "$MOUNT")"
            return 1
        }
        sleep 0.2
    done
    awk -v device="$(device_at "$MOUNT")" '
        $3 == device { sub(/^.* - /, ""); some = 1; if ($3 !~ /^ro(,|$)/) rw = 1 }
        END { exit rw || !some }' /proc/self/mountinfo ||
        why "$MOUNT did not become read-only"
}

