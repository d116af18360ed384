# Disks that are lent are wiped, and given back.
# needs: prelude asking progress
# given: VG WIPE_TAG LENT RUN

# verb: give_back DISK
# What is on it moves to the group's own disks, and is wiped; only then the disk leaves the group.
give_back() {
    ask pvs -o pv_uuid,vg_name "$1" || return 1
    case $answer in "${LENT:?}"*) ;; '') why "LVM does not tell whose $1 is"; return 1 ;; *) return 0 ;; esac
    if [ "$answer" != "${answer%% *}" ]; then
        move_away "$1" && try pvchange -x n "$1" && wipe_lent "$1" && try vgreduce "$VG" "$1" || return 1
    fi
    try pvremove -y "$1" && try dd if=/dev/zero of="$1" bs=1M count=1 conv=fsync && try wipefs -a "$1" && settle
}

# move_away DISK: online. LVM goes over to the moved extents without a flush of the disk they are on, so a power cut
# could lose what that disk's cache held: it is kept from looking how far the copy is (-i) until the disks are flushed.
move_away() {
    local left moving mover percent disk said
    # What is left of a move that was cut off as it ended: it maps to nothing any more.
    ask lvs -o lv_name -S "vg_name=$VG && lv_name=~^pvmove.*_mimage_ && segtype=error" || return 1
    for left in $answer; do
        try lvremove -f "$VG/$left" || return 1
    done
    ask pvs -o pv_pe_alloc_count "$1" || return 1
    [ "$answer" != 0 ] || return 0
    ask pvs --nosuffix --units b -o pv_used "$1" && [ -n "$answer" ] ||
        { why "LVM does not tell what of $1 is used"; return 1; }
    moving=$answer
    say "    moving $(mebibytes "$moving") back from $1"
    lvm pvmove --config "$unpolled" --atomic -i +86400 "$1" >"$RUN/out" 2>&1 &
    mover=$! percent=''
    while sleep 2 && kill -0 $mover 2>/dev/null; do
        percent=$(lvm lvs -a --noheadings -o lv_name,copy_percent "$VG" | awk '$1 ~ /pvmove/ { print $2 }')
        say "    moved ${percent:-0} %"
        [ "$percent" != 100.00 ] || break
    done
    kill $mover 2>/dev/null
    wait $mover
    if [ "$percent" = 100.00 ]; then
        ask pvs -o pv_name -S "vg_name=$VG" && [ -n "$answer" ] ||
            { why "LVM does not tell the disks of $VG"; return 1; }
        for disk in $answer; do
            try dd if=/dev/null of="$disk" conv=notrunc,fsync || return 1
        done
        lvm pvmove --config "$unpolled" -i 1 "$1" >"$RUN/out" 2>&1
    fi
    said=$(tail -n 1 "$RUN/out")
    ask pvs -o pv_pe_alloc_count "$1" || return 1
    [ "$answer" = 0 ] || why "pvmove: $said"
}
unpolled='global { use_lvmpolld = 0 }'

# wipe_lent DISK: all that was used of it, from the first extent on (1 MiB into the disk), reads as zeros.
wipe_lent() {
    local whole bytes code
    whole=$(blockdev --getsize64 "$1") && [ -n "$whole" ] && ask pvs -o pv_tags "$1" ||
        { why "$1 does not tell its size and tags"; return 1; }
    bytes=$(printf '%s\n' "$answer" | sed -n "s/.*$WIPE_TAG\([0-9]*\).*/\1/p")
    [ -n "$bytes" ] && [ "$bytes" -lt "$whole" ] || bytes=$((whole / 1048576 * 1048576))
    bytes=$((bytes - 1048576))
    watch "wiping $1" "$bytes" sectors_written "$(number_of "$1")"
    {
        blkdiscard -z -o 1048576 -l "$bytes" "$1" ||
            dd if=/dev/zero of="$1" bs=1M seek=1 count=$((bytes / 1048576)) conv=fsync
    } >"$RUN/out" 2>&1
    code=$?
    unwatch
    [ $code -eq 0 ] || { why "wiping $1: $(tail -n 1 "$RUN/out")"; return 1; }
    echo 3 >/proc/sys/vm/drop_caches
    watch "checking $1" "$bytes" sectors_read "$(number_of "$1")"
    cmp -s -i 1048576 -n "$bytes" "$1" /dev/zero
    code=$?
    unwatch
    [ $code -eq 0 ] || why "$1 still shows data"
}

