# btrfs.
# needs: prelude
# given: MOUNT UUID LABEL

# Its mounts show no device number of their own in mountinfo, but their source.
btrfs_at() {
    local point source
    awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == "btrfs") print $5, $(i + 2) }' /proc/self/mountinfo |
        while read -r point source; do
            [ "$(readlink -f "$source")" != "$(readlink -f "$1")" ] || echo "$point"
        done | head -n 1
}

# btrfs_ask DEVICE POINT
btrfs_ask() {
    btrfs_superblock "$1"
    btrfs filesystem show --raw "$1" 2>/dev/null
    [ -z "$2" ] || {
        btrfs subvolume list -a "$2" 2>/dev/null | sed 's/^/subvolume /'
        btrfs filesystem usage -b "$2" 2>/dev/null
        btrfs qgroup show "$2" >/dev/null 2>&1 && echo qgroups=yes
    }
}

# btrfs_superblock DEVICE: what the file system takes of this device, of all that it has; 8 bytes, little-endian.
btrfs_superblock() {
    od -An -v -tu1 -j 65745 -N 8 "$1" | awk 'NF == 8 {
        for (i = 8; i >= 1; i--) size = size * 256 + $i
        printf "own size %.0f\n", size
    }'
}

# btrfs_make DEVICE
btrfs_make() { try mkfs.btrfs -q "$1"; }

# btrfs_grow DEVICE POINT
btrfs_grow() { try btrfs filesystem resize max "$2"; }

# verb: shrink_btrfs SIZE
shrink_btrfs() { try btrfs filesystem resize "$1" "$MOUNT" && sync; }

# btrfs_check DEVICE
btrfs_check() { try btrfs check --readonly "$1"; }

# btrfs_identify DEVICE
btrfs_identify() {
    try btrfstune -f -M "$UUID" "$1" || return 1
    [ -z "$LABEL" ] || try btrfs filesystem label "$1" "$LABEL"
}

# It only writes another UUID beside the one that it has inside (btrfstune(8), -M).
btrfs_identifies_safely() { :; }

# Compression makes any file look sparse.
btrfs_hides_holes() { :; }

# It counts no inodes.
btrfs_uncounted() { :; }
