# Which process it is: by its number and the time it was started, which tells it from a later one with its number.
# sets: PROC
PROC=${PROC:-/proc}

# started PID: nothing for what is dead. Asked often by those who wait, so it starts no other process.
started() {
    local stat
    read -r stat <"$PROC/$1/stat" || return 0
    set -- ${stat##*) }
    case $1 in Z | X) ;; *) echo "${20}" ;; esac
} 2>/dev/null

identity() { echo "$1:$(started "$1")"; }

lives() { [ -d "$PROC/${1%:*}" ] && [ "$(identity "${1%:*}")" = "$1" ]; }

# uid_of PID: its real user.
uid_of() {
    local word uid
    while read -r word uid _; do [ "$word" != Uid: ] || { echo "$uid"; return; }; done <"$PROC/$1/status"
} 2>/dev/null

# bearing NAME=VALUE [UID]: the processes of root, or of UID, that have it in their environment. Anybody may give
# anything to a setuid program: so their real user counts, and sudo, which changes that, does not count itself. Nobody
# else's memory is looked at: a reader of it can be made to wait for ever. Fails where it could not look.
bearing() {
    local found file
    found=$(grep -lsE "^Uid:[[:space:]]+(0|${2:-0})[[:space:]]" "$PROC"/[0-9]*/status) || [ $? -le 2 ] || return 1
    found=$(for file in $found; do echo "${file%status}environ"; done | LC_ALL=C xargs -r grep -lszFx -e "$1") ||
        [ $? -eq 123 ] || return 1
    for file in $found; do
        file=${file%/environ}
        [ -u "$file/exe" ] || [ ! -e "$file/exe" ] || echo "${file##*/}"
    done
}
