# Where home and its copy are mounted for nobody but us. The header sets MOUNT, KIND and WORK.

mount_work() {
    target_device "$1" || return 1
    mkdir -p "$WORK/source" "$WORK/copy"
    if [ -z "$(device_at "$WORK/source")" ]; then
        # Private: what people mount in home meanwhile (FUSE) is not to be read in its place.
        try mount --bind "$MOUNT" "$WORK/source" && try mount --make-private "$WORK/source" &&
            try mount -o remount,bind,ro,noatime,nodev "$WORK/source" || return 1
        mount -o remount,bind,ro,noatime,nodev,nosymfollow "$WORK/source" 2>/dev/null || :
    fi
    seal=,nosymfollow
    # Older kernels take that option for nothing.
    awk -v at="$WORK/source" '$5 == at && $6 ~ /nosymfollow/ { found = 1 } END { exit !found }' /proc/self/mountinfo || { seal=''; lay_out_cell || return 1; }
    home_device=$(device_at "$MOUNT")
    [ -n "$home_device" ] && is_mounted "$WORK/source" "$home_device" || { why "$MOUNT is not mounted"; return 1; }
    [ -n "$(device_at "$WORK/copy")" ] || try mount -t "$KIND" -o "$2$seal" "$device" "$WORK/copy"
}

# lay_out_cell: where no mount can forbid it, what reads home has nothing but programs, home and its copy to be led to by a link.
programs='bin sbin lib lib32 lib64 libx32 usr/bin usr/sbin usr/lib usr/lib32 usr/lib64 usr/libx32'
lay_out_cell() {
    cell="chroot $WORK"
    [ -z "$(device_at "$WORK/dev/null")" ] || return 0
    # Paths mean there what they mean here.
    mkdir -p "$WORK/usr" "$WORK/dev" "$WORK${WORK%/*}" && ln -sfn / "$WORK$WORK" || return 1
    for directory in $programs; do
        if [ -h "/$directory" ]; then ln -sfn "$(readlink "/$directory")" "$WORK/$directory" || return 1
        elif [ -d "/$directory" ]; then
            mkdir -p "$WORK/$directory" && try mount --bind "/$directory" "$WORK/$directory" &&
                try mount -o remount,bind,ro "$WORK/$directory" || return 1
        fi
    done
    : >"$WORK/dev/null" && try mount --bind /dev/null "$WORK/dev/null"
}

clear_cell() {
    cell=''
    [ -d "$WORK/dev" ] || return 0
    for name in $programs dev/null; do
        while [ -n "$(device_at "$WORK/$name")" ]; do umount "$WORK/$name" 2>"$RUN/out" || { why "$(tail -n 1 "$RUN/out")"; return 1; }; done
        if [ -h "$WORK/$name" ] || [ -f "$WORK/$name" ]; then rm "$WORK/$name"; else rmdir "$WORK/$name" 2>/dev/null; fi
    done
    rm -f "$WORK$WORK"
    inside=${WORK#/}
    (cd "$WORK" && rmdir -p usr dev "${inside%/*}") 2>/dev/null || :
}

unmount() {
    tries=0
    while [ -n "$(device_at "$1")" ]; do
        umount "$1" 2>"$RUN/out" && continue
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { why "$(tail -n 1 "$RUN/out"); held by: $(name_holders "$1")"; return 1; }
        sleep 0.1
    done
}

unmount_work() {
    for at in "$WORK/copy" "$WORK/source" "$WORK/under"; do
        [ -z "$(device_at "$at")" ] || unmount "$at" || return 1
    done
    clear_cell
}
