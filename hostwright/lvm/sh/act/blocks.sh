# The steps that make and remove physical volumes, groups and volumes.
# needs: prelude asking leftovers work kinds
# given: VG NEW_TAG RUN

# is_blank DEVICE: nothing that blkid or wipefs knows is on it. blkid ends with 2 where it finds nothing.
is_blank() {
    local signs more
    [ "$(head -c 4096 "$1" | wc -c)" = 4096 ] || { why "$1 cannot be read: it is left as it is"; return 1; }
    signs=$(blkid -p -o export "$1" 2>"$RUN/out")
    case $? in
        0 | 2) signs=$(printf '%s\n' "$signs" | sed -n '/^TYPE=/p; /^PTTYPE=/p') ;;
        *) why "blkid does not tell what is on $1: it is left as it is"; return 1 ;;
    esac
    more=$(wipefs -n "$1" 2>"$RUN/out") || { why "wipefs: $(tail -n 1 "$RUN/out")"; return 1; }
    signs=$(printf '%s\n' "$signs" "$(printf '%s\n' "$more" | sed 1d)" | sed '/^$/d')
    [ -z "$signs" ] || why "$1 holds something ($(printf '%s\n' "$signs" | head -n 1)): it is left as it is"
}

# verb: make_physical_volume DEVICE
make_physical_volume() { is_blank "$1" && try pvcreate "$1" && settle; }

# verb: remove_physical_volume DEVICE
# What LVM itself leaves in the first MiB, ahead of any data, goes too: else the disk would not pass for blank again.
remove_physical_volume() {
    ask pvs -o vg_name "$1" || return 1
    [ -z "$answer" ] || { why "$1 is in a volume group: it stays"; return 1; }
    try pvremove "$1" && try dd if=/dev/zero of="$1" bs=1M count=1 conv=fsync && settle
}

# verb: make_group [EXTENT_SIZE] DEVICE...
make_group() {
    local size
    size=$1
    shift
    try vgcreate ${size:+-s "${size}b"} "$VG" "$@" && settle
}

# verb: extend_group DEVICE...
extend_group() { try vgextend "$VG" "$@"; }

# verb: remove_group
remove_group() { try vgremove "$VG" && settle; }

# verb: create_volume VOLUME EXTENTS [TAG] DISK...
# The tag says that nobody but us has written to it.
create_volume() {
    local name extents tag
    name=$1 extents=$2 tag=$3
    shift 3
    try lvcreate -y -Wy -Zy -l "$extents" -n "$name" ${tag:+--addtag "$tag"} "$VG" "$@" && settle
}

# verb: forget_new VOLUME
forget_new() { clear_tag "$1" "$NEW_TAG"; }

# verb: format_volume VOLUME KIND
# Without the options that would make mkfs overwrite what it finds.
format_volume() {
    local at new
    at=$(volume "$1")
    closed "$at" && is_blank "$at" || return 1
    has_tag "$1" "$NEW_TAG"
    case $? in
        0) new=yes ;;
        1)
            new=''
            head -c 1048576 "$at" | cmp -s -n 1048576 - /dev/zero ||
                { why "$at has data in its first MiB: it is left as it is"; return 1; }
            ;;
        *) return 1 ;;
    esac
    of_kind "$2" make "$at" "$2" || return 1
    sync
    [ -z "$new" ] || forget_new "$1" || return 1
    settle
}

# verb: mount_volume VOLUME KIND OPTIONS POINT
mount_volume() {
    (umask 022 && mkdir -p "$4") && settle && try mount -t "$2" -o "$3" "$(mapped "$1")" "$4"
}

# verb: remount VOLUME OPTIONS POINT
remount() { try mount -o "remount,$2" "$(mapped "$1")" "$3"; }

# verb: unmount_volume POINT
unmount_volume() { unmount "$1"; }
