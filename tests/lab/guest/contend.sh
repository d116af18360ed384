# Runs in the guest, after holders.sh and lock.sh, with OWNER set: takes the lock again and again, and writes into an
# append-only log when it came into the line, when it had the lock, and when it gave it back.
LOG=/root/contended
note() { echo "$*" >>$LOG; }

tell_place() {
    [ -z "$drew" ] || return 0
    drew=${ticket##*/}
    note "draws $OWNER $drew"
}

WAIT=100000 DOING=contending CONNECTION=yes
WATCH=$(identity "$(own_login)")
while :; do
    drew=''
    acquire >/dev/null || exit 1
    note "enters $OWNER ${drew:-0} $h_number"
    sleep 0.1
    guarded renew "$h_number" || { note "refused $OWNER"; exit 1; }
    note "leaves $OWNER"
    guarded release || exit 1
done
