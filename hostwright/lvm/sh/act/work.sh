# Where the source and its copy are mounted for nobody but us.
# needs: prelude cell copies holders room
# given: MOUNT KIND WORK RUN
# sets: home_device device

mount_work() {
    local seal
    target_device "$1" || return 1
    mkdir -p "$WORK/source" "$WORK/copy"
    if [ -z "$(device_at "$WORK/source")" ]; then
        # Private: what people mount in the source meanwhile (FUSE) is not to be read in its place.
        try mount --bind "$MOUNT" "$WORK/source" && try mount --make-private "$WORK/source" &&
            try mount -o remount,bind,ro,noatime,nodev "$WORK/source" || return 1
        mount -o remount,bind,ro,noatime,nodev,nosymfollow "$WORK/source" 2>/dev/null || :
    fi
    seal=,nosymfollow
    # Older kernels take that option for nothing.
    awk -v at="$WORK/source" '$5 == at && $6 ~ /nosymfollow/ { found = 1 } END { exit !found }' /proc/self/mountinfo ||
        { seal=''; lay_out_cell || return 1; }
    home_device=$(device_at "$MOUNT")
    [ -n "$home_device" ] && is_mounted "$WORK/source" "$home_device" || { why "$MOUNT is not mounted"; return 1; }
    [ -n "$(device_at "$WORK/copy")" ] || try mount -t "$KIND" -o "$2$seal" "$device" "$WORK/copy"
}

unmount() {
    local tries
    tries=0
    while [ -n "$(device_at "$1")" ]; do
        umount "$1" 2>"$RUN/out" && continue
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { why "$(tail -n 1 "$RUN/out"); held by: $(name_holders "$1")"; return 1; }
        sleep 0.1
    done
}

unmount_work() {
    local at
    for at in "$WORK/copy" "$WORK/source" "$WORK/under"; do
        [ -z "$(device_at "$at")" ] || unmount "$at" || return 1
    done
    clear_cell
}

# is_mounted DIRECTORY MAJOR:MINOR: an empty mount point copied with deletion would be the end of the copy.
is_mounted() { [ "$(device_at "$1")" = "$2" ] || why "$1 is not the file system it should be: nothing is copied"; }
