# Observes the locks of a host, in one command, and changes nothing.
section uptime
cat /proc/uptime
for place in /run/hostwright/lock/*/; do
    [ -d "$place" ] || continue
    section "lock $(basename "$place")"
    [ ! -e "$place/holder" ] || sed 's/^/holder	/' "$place/holder"
    for ticket in "$place"/queue/*; do
        [ ! -e "$ticket" ] || sed 's/^/waiter	/' "$ticket"
    done
done
true
