# Which process it is: by its number and the time it was started, which tells it from a later one with its number.
PROC=${PROC:-/proc}

# started PID: nothing for what is dead. Asked often by those who wait, so it starts no other process.
started() {
    read -r stat <"$PROC/$1/stat" || return 0
    set -- ${stat##*) }
    case $1 in Z | X) ;; *) echo "${20}" ;; esac
} 2>/dev/null

identity() { echo "$1:$(started "$1")"; }

lives() { [ -d "$PROC/${1%:*}" ] && [ "$(identity "${1%:*}")" = "$1" ]; }
