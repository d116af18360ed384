# Units and containers that are stopped, and started again when the source is back.
# needs: prelude
# given: RUN

# noted UNIT: what is stopped is started again, by whoever puts the source back.
noted() { printf '%s\n' "$1" >>"$RUN/units" || why "$RUN/units cannot be written: $1 is not stopped"; }

# start_units: what this job, and those that were lost before they could, have stopped; a manager before what it
# manages.
start_units() {
    local list units unit
    for list in "${RUN%/*}"/*/units; do
        [ -s "$list" ] || continue
        units=$(sort -u "$list") || { why "$list cannot be read: start what it names by hand"; return 1; }
        for unit in $units; do
            say "    starting $unit"
            unit start "$unit" || say "    warning: $unit did not start: $reason"
        done
        : >"$list"
    done
}

# unit VERB UNIT: of the system, or as units_of names those of a user's own manager (asked as that user) and containers.
unit() {
    local user
    case $2 in
        docker/* | podman/*) try "${2%%/*}" "$1" "${2#*/}" ;;
        user@*/*)
            user=${2#user@} user=${user%%.*}
            try timeout -k 5 90 runuser -u "$(id -nu "$user")" -- \
                env -i PATH="$PATH" XDG_RUNTIME_DIR="/run/user/$user" systemctl --user "$1" -- "${2#*/}"
            ;;
        *) try systemctl "$1" -- "$2" ;;
    esac </dev/null
}
