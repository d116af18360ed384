# Where no mount can forbid it, what reads the source has nothing but programs, the source and its copy to be led to by
# a link.
# needs: prelude holders
# given: WORK RUN
# sets: cell
cell=''
programs='bin sbin lib lib32 lib64 libx32 usr/bin usr/sbin usr/lib usr/lib32 usr/lib64 usr/libx32'

# lay_out_cell: sets cell.
lay_out_cell() {
    local directory
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
    local name inside
    cell=''
    [ -d "$WORK/dev" ] || return 0
    for name in $programs dev/null; do
        while [ -n "$(device_at "$WORK/$name")" ]; do
            umount "$WORK/$name" 2>"$RUN/out" || { why "$(tail -n 1 "$RUN/out")"; return 1; }
        done
        if [ -h "$WORK/$name" ] || [ -f "$WORK/$name" ]; then rm "$WORK/$name"; else rmdir "$WORK/$name" 2>/dev/null; fi
    done
    rm -f "$WORK$WORK"
    inside=${WORK#/}
    (cd "$WORK" && rmdir -p usr dev "${inside%/*}") 2>/dev/null || :
}

# within DIRECTORY COMMAND...: and, where there is one, in the cell.
within() { if [ -n "$cell" ]; then $cell sh -c 'cd "$0" && exec "$@"' "$@"; else (cd "$1" && shift && "$@"); fi; }
