# Which process it is: by its number and the time it was started, which tells it from a later one with its number.
PROC=${PROC:-/proc}

# started PID: nothing for what is dead.
started() { awk '{ sub(/^.*\) /, "") } $1 !~ /[ZX]/ { print $20 }' "$PROC/$1/stat" 2>/dev/null; }

identity() { echo "$1:$(started "$1")"; }

lives() { [ -d "$PROC/${1%:*}" ] && [ "$(identity "${1%:*}")" = "$1" ]; }
