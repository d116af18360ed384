# Mounts, remounts and unmounts overlays, and changes what mounts them at a boot. After this come ours, which ends it
# when the lock of the host is no longer ours, and the steps.
# needs: prelude fstab
# given: ours
cd / && RUN=$(mktemp -d /run/hostwright-overlay.XXXXXX) || exit 1
trap 'rm -rf "$RUN"' EXIT
# Between an unmount and a mount nobody's lost connection may end it.
trap '' HUP PIPE
# By fsconfig(2) newer versions of mount take 255 bytes of layers only.
export LIBMOUNT_FORCE_MOUNT2=always
units=/etc/systemd/system

# step TITLE VERB...
step() {
    local title
    title=$1
    shift
    ours
    say "$title"
    reason=''
    "$@" || fail "$title: ${reason:-$1 failed}"
}

complaints() { dmesg 2>/dev/null | grep -a 'overlayfs: '; }

# kernel_said NUMBER: what it has to say of overlays since it had said that many lines.
kernel_said() {
    local line
    line=$(complaints | tail -n "+$(($1 + 1))" | tail -n 1)
    [ -z "$line" ] || printf ' (the kernel: %s)' "${line##*overlayfs: }"
}

# shown_at TARGET: flags and options of the overlay on top of it; fails where there is none.
shown_at() {
    AT=$1 awk "$fstab_words"'
        plain($5) == ENVIRON["AT"] {
            shown = ""
            if (/ - overlay /) { shown = $0; sub(/^.* - overlay [^ ]* /, "", shown); shown = $6 " " shown }
        }
        END { if (shown == "") exit 1; print shown }' /proc/self/mountinfo
}

# is_right TARGET LAYERS SHOWN WRITABLE: what is mounted is what was to be.
is_right() {
    local shown code
    shown=$(shown_at "$1") || { why "no overlay is to be seen there"; return 1; }
    code=0
    printf '%s\n' "$shown" | LAYERS=$2 SHOWN=$3 WRITABLE=$4 awk "$fstab_words"'
        {
            flags = $1
            sub(/^[^ ]* /, "")
            options = "," plain($0) ","
            if (index(options, "," ENVIRON["LAYERS"] ",") == 0) exit 3
            n = split(ENVIRON["SHOWN"], option, ",")
            for (i = 1; i <= n; i++) if (index(options, "," option[i] ",") == 0) exit 4
            if (ENVIRON["WRITABLE"] != "" && (flags ~ /^ro(,|$)/ || options ~ /^,ro,/)) exit 5
        }' || code=$?
    case $code in
        0) ;;
        3) why "the kernel shows other layers: $shown" ;;
        4) why "the kernel did not take all of $3" ;;
        5) why "the kernel made it read-only: is the file system of upper full?" ;;
        *) why "what is mounted could not be read" ;;
    esac
}

# verb: make_directory PATH [LIKE]
# With owner, mode and ACL of LIKE. It has its name once it is as it is to be.
make_directory() {
    local new said
    [ ! -d "$1" ] || return 0
    new=$1.hostwright-new
    [ ! -d "$new" ] || rmdir "$new" || { why "$new is in the way"; return 1; }
    said=$({ mkdir -p "${1%/*}/" && mkdir -m 0755 "$new"; } 2>&1) || { why "$said"; return 1; }
    if [ -n "$2" ]; then
        said=$({ tar --acls --no-recursion -c -f "$RUN/like" -C "$2" . &&
            tar --acls --numeric-owner --same-owner -x -p -f "$RUN/like" -C "$new"; } 2>&1) ||
            { rmdir "$new"; why "$said"; return 1; }
    fi
    sync
    said=$(mv -T "$new" "$1" 2>&1) || why "$said"
}

# verb: mount_overlay TARGET OPTIONS LAYERS [SHOWN] [WRITABLE]
# Mounted is what looks as it was to be; else nothing is.
mount_overlay() {
    local before said wrong
    before=$(complaints | wc -l)
    said=$(mount -t overlay -o "$2" overlay "$1" 2>&1) ||
        { why "$(printf '%s\n' "$said" | head -n 1)$(kernel_said "$before")"; return 1; }
    is_right "$1" "$3" "$4" "$5" && return 0
    wrong="$reason$(kernel_said "$before")"
    said=$(umount "$1" 2>&1) || wrong="$wrong; $said"
    why "$wrong"
}

# taken_away TARGET INCOMPAT: it is unmounted. INCOMPAT marks that a crash could have damaged upper: there was none.
taken_away() {
    local said
    shown_at "$1" >/dev/null || { why "what is mounted there is no overlay any more"; return 1; }
    [ -z "$2" ] || sync
    said=$(umount "$1" 2>&1) || { why "$said"; return 1; }
    [ -z "$2" ] || [ ! -d "$2" ] || { rm -f "$2/dirty" && rmdir "$2"; } || why "$2 cannot be removed"
}

# verb: replace_overlay TARGET OPTIONS LAYERS [SHOWN] [WRITABLE] OLD OLD_LAYERS [INCOMPAT]
# Where it cannot be mounted, the old one comes back.
replace_overlay() {
    local wrong
    taken_away "$1" "$8" || return 1
    mount_overlay "$1" "$2" "$3" "$4" "$5" && return 0
    wrong=$reason
    if mount_overlay "$1" "$6" "$7" '' ''; then why "$wrong; the overlay that was there is back"
    else why "$wrong; and the overlay that was there did not come back: $reason"; fi
}

# verb: remount_overlay TARGET FLAGS
remount_overlay() {
    local said
    shown_at "$1" >/dev/null || { why "what is mounted there is no overlay any more"; return 1; }
    said=$(mount -t overlay -o "remount,$2" overlay "$1" 2>&1) ||
        { why "$(printf '%s\n' "$said" | head -n 1)"; return 1; }
    said=$(shown_at "$1") && printf '%s\n' "$said" | FLAGS=$2 awk '{
        n = split(ENVIRON["FLAGS"], flag, ",")
        for (i = 1; i <= n; i++) if (index("," $1 ",", "," flag[i] ",") == 0) exit 1
    }' || why "it has not all of the options $2"
}

# verb: unmount_overlay TARGET [INCOMPAT]
unmount_overlay() { taken_away "$1" "$2"; }

# verb: write_unit NAME TEXT WANTED_BY
# At every moment a boot finds the old text or the new one, and a link that wants it.
write_unit() {
    local new wants link
    new=$units/.hostwright-overlay.new wants=$units/$3.wants
    if ! { mkdir -p "$wants" && printf '%s' "$2" >"$new" && chmod 0644 "$new" && sync &&
        printf '%s' "$2" | cmp -s - "$new" && { [ -L "$wants/$1" ] || ln -s "$units/$1" "$wants/$1"; } &&
        sync && mv "$new" "$units/$1"; } 2>"$RUN/out"; then
        rm -f "$new"
        why "$units/$1 cannot be written: $(tail -n 1 "$RUN/out")"
        return 1
    fi
    for link in "$units"/*.wants/"$1"; do [ "$link" = "$wants/$1" ] || rm -f "$link"; done
    sync
    try systemctl daemon-reload
}

# verb: remove_unit NAME
remove_unit() {
    rm -f "$units"/*.wants/"$1" "$units/$1" 2>"$RUN/out" || { why "$(tail -n 1 "$RUN/out")"; return 1; }
    sync
    try systemctl daemon-reload
}
