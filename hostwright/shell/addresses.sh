# Changes addresses of interfaces, and undoes that by itself unless somebody comes back over a new connection. The header sets
# ID, RUN and UNDO (a command a line, the first of UNDO undoes the first of RUN), LOOKS (lines INTERFACE ADDRESS: nobody else may
# have it), SECONDS_LEFT (nothing: not guarded) and OURS (which ends it when the lock of the host is no longer ours).
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
state=/run/hostwright/addresses
unit=hostwright-addresses-$ID

fail() { echo "$*" >&2; exit 1; }
ours() { eval "$OURS"; }

line() { printf '%s\n' "$1" | sed -n "$2p"; }

# undo_from NUMBER: the changes from that one back to the first.
undo_from() {
    number=$1
    while [ "$number" -gt 0 ]; do
        eval "$(line "$UNDO" "$number")" || echo "could not be undone: $(line "$RUN" "$number")" >&2
        number=$((number - 1))
    done
    eval "$(routes_back)"
}

# An address takes the routes with it that name it as their source (IPv6 ones only forget it), and the last one all of its
# interface.
save_routes() {
    mkdir -p "$state" || fail "$state cannot be made"
    for family in 4 6; do ip -$family route save >"$state/routes-$family-$ID" 2>/dev/null; done
    ip -6 route show | sed -n '/ src /s/ expires [0-9]*sec//; / src /p' >"$state/routes-sources-$ID"
}

# routes_back: the commands that put back those that have gone; what is there stays.
routes_back() {
    cat <<end
for family in 4 6; do ip -\$family route restore <$state/routes-\$family-$ID 2>/dev/null; done
while read -r route; do ip -6 route replace \$route 2>/dev/null; done <$state/routes-sources-$ID
rm -f $state/routes-*-$ID
end
}

# taken: IPv4 addresses that somebody on the link answers for (RFC 5227), where arping can ask.
taken() {
    arping -V 2>&1 | grep -q iputils || return 0
    printf '%s\n' "$LOOKS" | while read -r interface address; do
        case $address in '' | *:*) continue ;; esac
        said=$(arping -D -c 2 -w 3 -I "$interface" "$address" 2>/dev/null) || {
            by=$(printf '%s\n' "$said" | sed -n 's/.*\[\(.*\)\].*/\1/p' | head -n 1)
            [ -z "$by" ] || echo "$address on $interface: somebody on the link has it already ($by)"
        }
    done
}

# duplicates: waits until the kernel knows of each IPv6 address whether somebody has it (RFC 4862), and names those.
duplicates() {
    printf '%s\n' "$LOOKS" | while read -r interface address; do
        case $address in *:*) ;; *) continue ;; esac
        tries=0
        while
            now=$(ip -o -6 address show dev "$interface" to "$address")
            case $now in *dadfailed*) echo "$address on $interface: somebody on the link has it already (duplicate address detection)"; break ;; esac
            case $now in *tentative*) [ $tries -lt 100 ] ;; *) false ;; esac
        do
            tries=$((tries + 1))
            sleep 0.1
        done
    done
}

# guard: the host itself puts everything back when the time is over.
guard() {
    mkdir -p "$state" || fail "$state cannot be made"
    {
        printf 'PATH=%s\n' "$PATH"
        # Whoever renames it first has the say: this, or the controller that came back.
        printf 'mv %s/undo-%s %s/undoing-%s 2>/dev/null || exit 0\n' "$state" "$ID" "$state" "$ID"
        printf '%s\n' "$UNDO" | sed -n '1!G;h;$p'
        routes_back
        printf 'rm -f %s/*-%s\n' "$state" "$ID"
    } >"$state/undo-$ID" || fail "$state cannot be written"
    if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
        systemd-run --quiet --unit="$unit" --on-active="${SECONDS_LEFT}s" --timer-property=AccuracySec=1s sh "$state/undo-$ID" ||
            fail "the host could not be told to undo this by itself: nothing was changed"
    else
        (trap '' HUP; sleep "$SECONDS_LEFT"; exec sh "$state/undo-$ID") </dev/null >/dev/null 2>&1 &
    fi
}

release_guard() {
    [ -n "$SECONDS_LEFT" ] || return 0
    mv "$state/undo-$ID" "$state/done-$ID" 2>/dev/null || return 1
    ! command -v systemctl >/dev/null || systemctl stop "$unit.timer" 2>/dev/null
    rm -f "$state/done-$ID" "$state"/routes-*-"$ID"
}

change() {
    others=$(taken)
    [ -z "$others" ] || fail "$others; nothing was changed"
    ours
    save_routes
    if [ -z "$SECONDS_LEFT" ]; then
        change_now
        rm -f "$state"/routes-*-"$ID"
        return
    fi
    guard
    # The connection that told us may be gone in a moment, and with it whoever reads what is said here.
    (trap '' HUP; sleep 1; { (change_now); echo $? >"$state/code-$ID"; } >"$state/said-$ID" 2>&1) </dev/null >/dev/null 2>&1 &
}

change_now() {
    total=$(printf '%s\n' "$RUN" | grep -c .)
    number=0
    while [ $number -lt "$total" ]; do
        number=$((number + 1))
        said=$(eval "$(line "$RUN" $number)" 2>&1) || {
            undo_from $((number - 1))
            release_guard
            fail "$(line "$RUN" $number): $said; what was done before was undone"
        }
    done
    others=$(duplicates)
    if [ -n "$others" ]; then
        undo_from "$total"
        release_guard
        fail "$others; all of it was undone"
    fi
}

# is_changed: whether the changes are over, well or not.
is_changed() { [ -e "$state/code-$ID" ]; }

# confirm: by who came back over a connection that was made after the changes.
confirm() {
    cat "$state/said-$ID"
    code=$(cat "$state/code-$ID")
    rm -f "$state/said-$ID" "$state/code-$ID"
    [ "$code" = 0 ] || return 1
    release_guard || fail "the host has undone the changes of addresses by itself: nobody had come back in time"
}

# keep: the files that `data` prints as a tar in base64 take the places of the old ones, with their owners and modes.
keep() {
    new=$(mktemp -d /run/hostwright-addresses.XXXXXX) || exit 1
    trap 'rm -rf "$new"' EXIT
    data | base64 -d | tar -xpm -C "$new" || fail "the files could not be unpacked"
    (cd "$new" && find . -type f) | while IFS= read -r file; do
        at=/${file#./}
        # Ours, with nothing left in it.
        if [ ! -s "$new/$file" ]; then ours && rm -f "$at" && continue; fi
        (umask 022 && mkdir -p "${at%/*}") || exit 1
        # A name that none of the readers takes for one of its files.
        next=${at%/*}/.${at##*/}.hostwright.new
        if [ -e "$at" ]; then cp -p "$at" "$next" && cat "$new/$file" >"$next"; else cp -p "$new/$file" "$next"; fi &&
            { ! command -v restorecon >/dev/null || restorecon "$next" 2>/dev/null || :; } &&
            sync && (ours) && mv "$next" "$at" || { rm -f "$next"; exit 1; }
    done || fail "files could not be put in place"
    sync
}
