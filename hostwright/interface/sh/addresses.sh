# Changes addresses of interfaces, and undoes that by itself unless somebody comes back over a new connection. CHANGES
# is how many, RUN their commands (a line each, for people), UNDO the script that undoes them all, LOOKS lines INTERFACE
# ADDRESS (nobody else may have it), SECONDS_LEFT nothing where it is not guarded, FILES how many `data` has, and ASKS
# lines TOOL NAME ADDRESS: it will be there after a boot, by the name that the tool has for the interface. After this
# come run_1, undo_1, run_2 and so on, and ours, which ends it when the lock of the host is no longer ours.
# needs: prelude ownership
# header: ID STATE CHANGES RUN UNDO LOOKS SECONDS_LEFT FILES ASKS
# given: ours
umask 077
unit=hostwright-addresses-$ID
# Puts back those that have gone; what is there stays.
routes_back="for family in 4 6; do ip -\$family route restore <$STATE/routes-\$family-$ID; done 2>/dev/null
(set -f; while read -r route; do
    [ -z \"\$route\" ] || ip -6 route replace \$route
done <$STATE/routes-sources-$ID) 2>/dev/null
rm -f $STATE/routes-*-$ID"

# unchanged WHY: ends it before anything was changed.
unchanged() {
    rm -f "$STATE"/*-"$ID"
    fail "$*: nothing was changed"
}

line() { printf '%s\n' "$1" | sed -n "$2p"; }

# undo_from NUMBER: the changes from that one back to the first.
undo_from() {
    local number
    number=$1
    while [ "$number" -gt 0 ]; do
        "undo_$number" || printf 'could not be undone: %s\n' "$(line "$RUN" "$number")" >&2
        number=$((number - 1))
    done
    sh -c "$routes_back"
}

# An address takes the routes with it that name it as their source (IPv6 ones only forget it), and the last one all of
# its interface.
save_routes() {
    local sources family lost
    sources=''
    for family in 4 6; do
        # A kernel without IPv6 has no such routes, and an error for who asks.
        [ $family = 4 ] || [ -e /proc/net/if_inet6 ] || continue
        # ip itself takes it for good when it could write but a part.
        lost=$({ { ip -$family route save || echo ip >&3; } | cat >"$STATE/routes-$family-$ID" || echo cat >&3; } 3>&1)
        [ -z "$lost" ] || unchanged "the IPv$family routes could not be noted in $STATE ($lost failed)"
        [ $family = 4 ] || sources=$(ip -6 route show) || unchanged "the IPv6 routes could not be listed"
    done
    sources=$(printf '%s\n' "$sources" | sed -n '/ src /s/ expires [0-9]*sec//; / src /p') &&
        printf '%s\n' "$sources" >"$STATE/routes-sources-$ID" || unchanged "$STATE cannot be written"
}

# taken: IPv4 addresses that somebody on the link answers for (RFC 5227), where arping can ask.
taken() {
    local interface address said by
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
    local interface address tries now
    printf '%s\n' "$LOOKS" | while read -r interface address; do
        case $address in *:*) ;; *) continue ;; esac
        tries=0
        while
            now=$(ip -o -6 address show dev "$interface" to "$address") && [ -n "$now" ] ||
                { echo "$address on $interface: it cannot be seen there"; break; }
            case $now in
                *dadfailed*)
                    echo "$address on $interface: somebody on the link has it already (duplicate address detection)"
                    break
                    ;;
            esac
            case $now in *tentative*) [ $tries -lt 100 ] ;; *) false ;; esac
        do
            tries=$((tries + 1))
            sleep 0.1
        done
    done
}

# guard: the host itself puts everything back when the time is over.
guard() {
    # Whoever renames it first has the say: this, or the controller that came back.
    printf '%s\n' "PATH=$PATH
mv $STATE/undo-$ID $STATE/undoing-$ID 2>/dev/null || exit 0
$UNDO
$routes_back
rm -f $STATE/*-$ID" >"$STATE/undo-$ID" || unchanged "$STATE cannot be written"
    if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
        systemd-run --quiet --unit="$unit" --on-active="${SECONDS_LEFT}s" --timer-property=AccuracySec=1s \
            sh "$STATE/undo-$ID" ||
            unchanged "the host could not be told to undo this by itself"
    else
        (trap '' HUP; sleep "$SECONDS_LEFT"; exec sh "$STATE/undo-$ID") </dev/null >/dev/null 2>&1 &
    fi
}

release_guard() {
    [ -n "$SECONDS_LEFT" ] || return 0
    mv "$STATE/undo-$ID" "$STATE/done-$ID" 2>/dev/null || return 1
    ! command -v systemctl >/dev/null || systemctl stop "$unit.timer" 2>/dev/null
    rm -f "$STATE/done-$ID"
}

change() {
    local others
    others=$(taken)
    [ -z "$others" ] || fail "$others; nothing was changed"
    ours
    private "${STATE%/*}" "$STATE" || fail "$reason; nothing was changed"
    save_routes
    if [ -z "$SECONDS_LEFT" ]; then
        change_now
        return
    fi
    guard
    # The connection that told us may be gone in a moment, and with it whoever reads what is said here.
    (trap '' HUP; sleep 1; { (change_now); echo $? >"$STATE/code-$ID"; } >"$STATE/said-$ID" 2>&1) \
        </dev/null >/dev/null 2>&1 &
}

change_now() {
    local number said others
    number=0
    while [ $number -lt "$CHANGES" ]; do
        number=$((number + 1))
        said=$("run_$number" 2>&1) || {
            undo_from $((number - 1))
            release_guard
            fail "$(line "$RUN" $number): $said; what was done before was undone"
        }
    done
    others=$(duplicates)
    if [ -n "$others" ]; then
        undo_from "$CHANGES"
        release_guard
        fail "$others; all of it was undone"
    fi
}

# is_changed: whether the changes are over, well or not.
is_changed() { [ -e "$STATE/code-$ID" ]; }

# confirm: by who came back over a connection that was made after the changes.
confirm() {
    local code
    cat "$STATE/said-$ID"
    code=$(cat "$STATE/code-$ID")
    rm -f "$STATE/said-$ID" "$STATE/code-$ID"
    [ "$code" = 0 ] || return 1
    release_guard || fail "the host has undone the changes of addresses by itself: nobody had come back in time"
}

# keep: the files that `data` prints as a tar in base64 take the places of the old ones, with their owners and modes.
keep() {
    local file at next
    new=$(mktemp -d /run/hostwright-addresses.XXXXXX) || exit 1
    trap 'rm -rf "$new"' EXIT
    mkdir "$new/root" && data | base64 -d | tar -xpm -C "$new/root" &&
        (cd "$new/root" && find . -type f) >"$new/list" &&
        [ "$(wc -l <"$new/list")" -eq "$FILES" ] || fail "the files could not be unpacked"
    # All of them are there before the first one counts: a disk may be full.
    (while IFS= read -r file; do
        names
        [ -s "$file" ] || continue
        (umask 022 && mkdir -p "${at%/*}") &&
            if [ -e "$at" ]; then cp -p "$at" "$next" && cat "$file" >"$next"; else cp -p "$file" "$next"; fi &&
            { ! command -v restorecon >/dev/null || restorecon "$next" 2>/dev/null || :; } || { rm -f "$next"; exit 1; }
    done <"$new/list" && sync && asked && while IFS= read -r file; do
        names
        # Ours, with nothing left in it.
        if [ ! -s "$file" ]; then (ours) && rm -f "$at"; else (ours) && mv "$next" "$at"; fi || exit 1
    done <"$new/list") || { sweep; fail "files could not be put in place"; }
    sync
}

# names: sets at, where a file belongs, and next, a name beside that which none of the readers takes for one of its
# files.
names() { at=/${file#./} file=$new/root/$file next=${at%/*}/.${at##*/}.hostwright.new; }

# asked: the tools themselves, what they make of the files as they will be, tell of each address that a boot is to set.
asked() {
    local view directory file at next said tool name address
    [ -n "$ASKS" ] || return 0
    view=$new/view
    mkdir -p "$view/etc" || return 1
    for directory in network netplan; do
        [ ! -d "/etc/$directory" ] || cp -a "/etc/$directory" "$view/etc/" || return 1
    done
    while IFS= read -r file; do
        names
        case $at in /etc/network/* | /etc/netplan/*) ;; *) continue ;; esac
        if [ -s "$file" ]; then mkdir -p "$view${at%/*}" && cp "$file" "$view$at"; else rm -f "$view$at"; fi || return 1
    done <"$new/list"
    if [ -d "$view/etc/netplan" ] && command -v netplan >/dev/null; then
        said=$(netplan generate --root-dir "$view" 2>&1) || { printf 'netplan: %s\n' "$said" >&2; return 1; }
    fi
    printf '%s\n' "$ASKS" | while read -r tool name address; do
        case $tool in
            netplan)
                command -v netplan >/dev/null || continue
                said=$(cat "$view/run/systemd/network/10-netplan-$name.network" \
                    "$view/run/NetworkManager/system-connections/netplan-$name"[.-]* 2>/dev/null)
                ;;
            ifupdown)
                # Where nobody may have mounts of their own nobody can be asked.
                command -v ifquery >/dev/null && unshare -m true 2>/dev/null || continue
                said=$(unshare -m sh -c 'mount --make-rprivate / && mount --bind "$1" /etc/network && ifquery "$2"' \
                    ask "$view/etc/network" "$name" 2>&1) || :
                ;;
            *) continue ;;
        esac
        printf '%s\n' "$said" | tr -cs 0-9a-fA-F.: '\n' | grep -Fqx -e "$address" || {
            echo "$tool would not set $address on $name at the next boot: $(printf '%s\n' "$said" | tail -n 1)" >&2
            exit 1
        }
    done
}

sweep() {
    local file at next
    while IFS= read -r file; do names && rm -f "$next"; done <"$new/list"
}

# undone: what will not be there after a boot is not there now either.
undone() {
    (ours) || exit
    undo_from "$CHANGES"
    fail "what had been changed was undone"
}

# settled: nobody needs what undoes it any more.
settled() { rm -f "$STATE"/routes-*-"$ID"; }
