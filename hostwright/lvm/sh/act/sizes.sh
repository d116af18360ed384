# Volumes, file systems and swap become larger, or smaller in place.
# needs: prelude asking
# given: VG LV MOUNT RUN

# verb: reduce_volume VOLUME EXTENTS
# lvm2 since 2.03.17 wants to look after file systems by itself; here that is already done.
reduce_volume() {
    local at
    at=$(volume "$1")
    closed "$at" || return 1
    if lvreduce --help 2>&1 | grep -q -- '--fs '; then
        try lvreduce -f -y --fs ignore -l "$2" "$VG/$1"
    else
        try lvreduce -f -y -l "$2" "$VG/$1"
    fi
}

# verb: extend_volume VOLUME EXTENTS [STRIPES]
# A striped volume grows by a linear segment where the group has no stripes to add.
extend_volume() { try lvextend -y ${3:+-i "$3"} -l "$2" "$VG/$1"; }

# verb: grow_file_system VOLUME KIND POINT
grow_file_system() {
    case $2 in
        xfs) try xfs_growfs "$3" ;;
        ext*) try resize2fs "$(volume "$1")" ;;
        btrfs) try btrfs filesystem resize max "$3" ;;
    esac
}

# verb: shrink_btrfs SIZE
shrink_btrfs() { try btrfs filesystem resize "$1" "$MOUNT" && sync; }

# verb: shrink_ext KIBIBYTES
shrink_ext() {
    e2fsck -f -p "$(volume "$LV")" >"$RUN/out" 2>&1
    [ $? -le 1 ] || { why "e2fsck: $(tail -n 1 "$RUN/out")"; return 1; }
    try resize2fs "$(volume "$LV")" "${1}K" && try e2fsck -f -n "$(volume "$LV")"
}

# verb: swap_off VOLUME
swap_off() { try swapoff "$(volume "$1")"; }

# verb: make_swap VOLUME [UUID] [LABEL]
make_swap() {
    try mkswap ${2:+-U "$2"} ${3:+-L "$3"} "$(volume "$1")" && settle
}

# verb: swap_on VOLUME
swap_on() { try swapon "$(volume "$1")"; }
