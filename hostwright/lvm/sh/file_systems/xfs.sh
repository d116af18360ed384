# XFS.
# needs: prelude
# given: UUID LABEL WORK LISTS RUN

xfs_versions() { command -v mkfs.xfs >/dev/null && echo "xfsprogs=$(mkfs.xfs -V | sed 's/.* //')"; }

# xfs_ask DEVICE POINT NUMBER: something else may be mounted over it.
xfs_ask() {
    if [ -n "$2" ] && [ "$(mountpoint -d "$2")" = "$3" ]; then
        xfs_info "$2" 2>/dev/null
    else
        xfs_superblock "$1"
    fi
}

# xfs_superblock DEVICE: its size as xfs_info would tell it; the block size is 4 bytes at 4, the blocks 8 at 8,
# big-endian.
xfs_superblock() {
    od -An -v -tu1 -N 16 "$1" | awk 'NF == 16 && $1 $2 $3 $4 == "88708366" {
        for (i = 5; i <= 8; i++) size = size * 256 + $i
        for (i = 9; i <= 16; i++) blocks = blocks * 256 + $i
        printf "data     =                       bsize=%.0f   blocks=%.0f\n", size, blocks
    }'
}

# xfs_make DEVICE
xfs_make() { try mkfs.xfs -q "$1"; }

# xfs_grow DEVICE POINT
xfs_grow() { try xfs_growfs "$2"; }

# xfs_check DEVICE
xfs_check() { try xfs_repair -n "$1"; }

# xfs_identify DEVICE
xfs_identify() {
    try xfs_admin -U "$UUID" "$1" || return 1
    [ -z "$LABEL" ] || try xfs_admin -L "$LABEL" "$1"
}

xfs_takes_direct() { :; }

xfs_twin_options() { echo ,nouuid; }

# xfs_read_quotas TYPE DIRECTORY FILE: adds to FILE.unsorted. Where
# xfs_quota prints no head, it told nothing.
xfs_read_quotas() {
    xfs_quota -x -c "dump -$1" "$2" >"$3.told" 2>"$RUN/out" && grep -q '^fs = ' "$3.told" &&
        awk -v type="$1" '/^[0-9]/ && $2 $3 $4 $5 != "0000" { print type, $1, $2, $3, $4, $5 }' \
            "$3.told" >>"$3.unsorted"
}

# xfs_set_quotas TYPE...: those of $LISTS/quotas, for the copy.
xfs_set_quotas() {
    local type
    for type in "$@"; do
        grep -q "^$type" "$LISTS/quotas" || continue
        awk -v at="$WORK/copy" '$2 == at { print "fs = " $1 }' /proc/mounts >"$LISTS/quota" &&
            sed -n "s/^$type //p" "$LISTS/quotas" >>"$LISTS/quota" || return 1
        try xfs_quota -x -c "restore -$type -f $LISTS/quota" "$WORK/copy" || return 1
    done
}

# xfs_quota_inodes DEVICE: from its superblock as it is on disk: fields 160, 168 and 232 of xfs_dsb. They are made when
# quotas are first on, and never go.
xfs_quota_inodes() {
    dd if="$1" of="$LISTS/superblock" bs=4096 count=1 iflag=direct 2>/dev/null &&
        [ "$(head -c 4 "$LISTS/superblock")" = XFSB ] &&
        od -An -v -tx1 -w8 "$LISTS/superblock" >"$LISTS/superblock.hex" &&
        awk '
            NR == 21 || NR == 22 || NR == 30 { gsub(/ /, ""); if ($0 !~ /^(0+|f+)$/) count++ }
            END { if (NR < 30) exit 1; print count + 0 }' "$LISTS/superblock.hex"
}
