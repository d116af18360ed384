# Observes the locks of a host, in one command, and changes nothing.
# needs: prelude
# header: NONCE LOCKS
for place in "${LOCKS%/*}" "$LOCKS"; do
    [ ! -d "$place" ] || { [ -r "$place" ] && [ -x "$place" ]; } || {
        echo "needs root: $(id -un) may not read who holds the locks of this host;" \
            "let pyinfra use sudo (_sudo, --sudo)" >&2
        exit 1
    }
done
section uptime
cat /proc/uptime || exit 1
for place in "$LOCKS"/*/; do
    [ -d "$place" ] || continue
    section "lock $(basename "$place")"
    # What is gone meanwhile holds nothing any more.
    for file in "$place/holder" "$place"/queue/*; do
        case $file in */holder) kind=holder ;; *) kind=waiter ;; esac
        [ ! -e "$file" ] || sed "s/^/$kind	/" "$file" || [ ! -e "$file" ] || exit 1
    done
done
