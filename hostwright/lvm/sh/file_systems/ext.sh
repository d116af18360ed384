# ext2, ext3 and ext4.
# needs: prelude
# given: volume LV UUID LABEL WORK LISTS RUN

# ext_ask DEVICE
ext_ask() { dumpe2fs -h "$1" 2>/dev/null; }

# ext_make DEVICE KIND
ext_make() { try mke2fs -q -t "$2" "$1"; }

# ext_grow DEVICE POINT
ext_grow() { try resize2fs "$1"; }

# verb: shrink_ext KIBIBYTES
shrink_ext() {
    e2fsck -f -p "$(volume "$LV")" >"$RUN/out" 2>&1
    [ $? -le 1 ] || { why "e2fsck: $(tail -n 1 "$RUN/out")"; return 1; }
    try resize2fs "$(volume "$LV")" "${1}K" && try e2fsck -f -n "$(volume "$LV")"
}

# ext_check DEVICE
ext_check() { try e2fsck -f -n "$1"; }

# ext_identify DEVICE
ext_identify() {
    try tune2fs -U "$UUID" "$1" || return 1
    [ -z "$LABEL" ] || try tune2fs -L "$LABEL" "$1"
}

ext_takes_direct() { :; }

# ext_uncounted DEVICE: ext4 may keep attributes in inodes.
ext_uncounted() { dumpe2fs -h "$1" 2>/dev/null | grep -q ea_inode; }

# ext_read_quotas TYPE DIRECTORY FILE: adds to FILE.unsorted. Where
# repquota prints no head, it told nothing.
ext_read_quotas() {
    repquota -nvp"$(echo "$1" | tr p P)" "$2" >"$3.told" 2>"$RUN/out" &&
        grep -q '^\*\*\* Report for' "$3.told" && awk -v type="$1" '
            /^#/ && $4 $5 $8 $9 != "0000" { print type, substr($1, 2), $4, $5, $8, $9 }' \
            "$3.told" >>"$3.unsorted"
}

# ext_set_quotas TYPE...: those of $LISTS/quotas, for the copy.
ext_set_quotas() {
    local type id limits
    while read -r type id limits; do
        try setquota "-$(echo "$type" | tr p P)" "$id" $limits "$WORK/copy" </dev/null || return 1
    done <"$LISTS/quotas"
}
