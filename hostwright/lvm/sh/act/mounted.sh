# How the source is mounted. SERVED: what it is served from when the job begins, a volume's name or an image's path.
# needs: prelude asking holders
# given: MOUNT OPTIONS SERVED RUN
# sets: served from
served=$SERVED

# source_of DIRECTORY: the device that is mounted on it.
source_of() {
    local from
    from=$(AT=$(escaped "$1") awk '$2 == ENVIRON["AT"] { found = $1 } END { print found }' /proc/mounts) &&
        [ -n "$from" ] && readlink -f "$from"
}

# is_back: the source is mounted from what fstab says, can be read, and written unless its options forbid it. Who asks
# has it uncovered.
is_back() {
    local meant found
    meant=$(findmnt -n -s -e -o SOURCE "$MOUNT" 2>"$RUN/out") ||
        { why "$MOUNT: fstab does not tell what belongs there"; return 1; }
    found=$(source_of "$MOUNT") || { why "$MOUNT is not mounted"; return 1; }
    case $meant in
        /dev/*) [ "$(readlink -f "$meant")" = "$found" ] ;;
        *) losetup -j "$meant" | grep -q "^$found:" ;;
    esac || { why "$MOUNT is mounted from $found, and fstab says $meant"; return 1; }
    is_read_only
    [ $? -eq 1 ] || { why "$MOUNT cannot be written"; return 1; }
    # Through a mount of its own: else the look would count as the last time that somebody read it.
    try unshare -m sh -c '
        mount --make-rprivate / && mount --bind "$1" "$1" && mount -o remount,bind,ro,noatime "$1" && exec ls -A "$1"
    ' sh "$MOUNT" || why "$MOUNT cannot be read ($reason)"
}

# is_read_only: though its options do not say so; fails with 1 where it can be written, with 2 where that cannot be
# told.
is_read_only() {
    case ,$OPTIONS, in *,ro,*) return 1 ;; esac
    AT=$(escaped "$MOUNT") awk '
        $5 == ENVIRON["AT"] { code = $6 !~ /^ro(,|$)/; sub(/^.* - /, ""); if ($3 ~ /^ro(,|$)/) code = 0; some = 1 }
        END { if (!some) code = 2; exit code }' /proc/self/mountinfo
}

# is_served: the source is mounted from where fstab takes it.
is_served() {
    from=$(source_of "$MOUNT")
    case $served in
        /*) [ -b "$from" ] && case $(losetup -j "$served") in "$from":*) ;; *) false ;; esac ;;
        *) same_device "$from" "$(volume "$served")" ;;
    esac || why "$MOUNT is mounted from ${from:-nothing}, not from $served: mount it as /etc/fstab says, and run again"
}
