# What proves a copy, and what a later run can tell of that. lists.sh, compare.sh stand before this.

# prove TARGET: the copy, read from disk, is what home is. Every list that says so is as long as others say it must be.
prove() {
    forget "$1" && mount_work "$1" ro,noatime || return 1
    watch "reading what changed" "$(bytes_of "$LISTS/again.entries")" sectors_read "$(number_of "$device")"
    compare_rest
    code=$?
    unwatch
    [ $code -eq 0 ] && nothing_wrong && is_alike && is_counted
    code=$?
    unmount "$WORK/copy" && return $code
}

compare_rest() {
    entries "$WORK/copy" "$LISTS/there" && sorted "$LISTS/looks" looks "$LISTS/now" && sorted "$LISTS/looks.copy" looks "$LISTS/there" &&
        same_count "$MOUNT" "$LISTS/now" "$LISTS/looks" && same_count "the copy" "$LISTS/there" "$LISTS/looks.copy" &&
        sorted "$LISTS/marked" names_marked && into "$LISTS/marked.entries" of_names "$LISTS/marked" "$LISTS/there" &&
        marks_of "$WORK/copy" "$LISTS/marked.entries" "$LISTS/marks.copy" &&
        unlike "$WORK/source" "$WORK/copy" "$LISTS/again.entries" /dev/null "$LISTS/unlike" && sorted "$LISTS/differing" names_differing &&
        links_of "$LISTS/now" "$LISTS/links" && links_of "$LISTS/there" "$LISTS/links.copy" &&
        special "$WORK/source" "$LISTS/now" "$LISTS/special" && special "$WORK/copy" "$LISTS/there" "$LISTS/special.copy" &&
        filled "$LISTS/now" "$WORK/copy" "$LISTS/filled"
}

names_marked() { names "$LISTS/marks.now" && cat "$LISTS/again"; }

names_differing() { cat "$LISTS/unlike" && either "$LISTS/looks" "$LISTS/looks.copy" && either "$LISTS/marks.now" "$LISTS/marks.copy"; }

nothing_wrong() {
    for errors in "$LISTS/errors" "$LISTS/attributes.errors" "$LISTS/attributes.copy.errors"; do
        [ ! -s "$errors" ] || { why "reading $MOUNT and its copy: $(tail -n 1 "$errors")"; return 1; }
    done
}

is_alike() {
    [ ! -s "$LISTS/differing" ] || { why "the copy differs: $(head -n 1 "$LISTS/differing")"; return 1; }
    cmp -s "$LISTS/links" "$LISTS/links.copy" || { why "hard links differ: $(either "$LISTS/links" "$LISTS/links.copy" | head -n 1)"; return 1; }
    cmp -s "$LISTS/special" "$LISTS/special.copy" || { why "links, devices or odd names differ: $(cmp "$LISTS/special" "$LISTS/special.copy" 2>&1)"; return 1; }
    [ ! -s "$LISTS/filled" ] || { why "a sparse file was filled: $(head -n 1 "$LISTS/filled")"; return 1; }
}

# is_counted: home and its copy have as many inodes as each other, by the lists and by what the file systems say.
is_counted() {
    count_listed "$WORK/source" "$LISTS/now" && count_used "$WORK/source" "$(source_of "$MOUNT")" || return 1
    there=$inodes bytes_there=$bytes
    count_listed "$WORK/copy" "$LISTS/there" && count_used "$WORK/copy" "$device" || return 1
    [ "$inodes $bytes" = "$there $bytes_there" ] || { why "$MOUNT has $there inodes with $bytes_there bytes, its copy $inodes with $bytes"; return 1; }
    hash=$(cat "$LISTS/looks" "$LISTS/links" "$LISTS/special" "$LISTS/marks.now" | sha256sum) || { why "the lists cannot be read again"; return 1; }
    PROOF="inodes=$inodes bytes=$bytes own=$own hash=${hash%% *}"
    say "    compared $(names_of '$4 == "f"' "$LISTS/now" | wc -l) files and $(names_of '$4 != "f"' "$LISTS/now" | wc -l) other entries: all the same;" \
        "$inodes inodes in both, counted twice"
}

# count_listed DIRECTORY ENTRIES: sets inodes, and the bytes of files. Sizes may be beyond what awk adds up exactly.
count_listed() {
    sorted "$LISTS/inodes" inodes_of "$1" "$2" || return 1
    inodes=$(lines "$LISTS/inodes")
    bytes=$(awk '{ low += substr("000000000" $2, length($2) + 1); high += substr($2, 1, length($2) - 9) } END {
        high += int(low / 1e9); low -= int(low / 1e9) * 1e9
        if (high) printf "%.0f%09.0f\n", high, low; else printf "%.0f\n", low
    }' "$LISTS/inodes") && [ -n "$bytes" ] || { why "the sizes of what is in $1 do not add up"; return 1; }
    rm -f "$LISTS/inodes"
    [ "$inodes" -gt 0 ] || why "$1 is empty: not even its own directory is listed"
}

inodes_of() {
    awk '{ print $1, ($4 == "f" ? $3 : 0) }' "$2" || return 1
    if has_odd "$1"; then
        within "$1" find . -xdev -path "*$newline*" \( -type f -printf '%i %s\n' -o -printf '%i 0\n' \)
    fi
}

# count_used DIRECTORY DEVICE: as many inodes are in use there as are listed; by the file system itself, or by a second walk
# with another program.
count_used() {
    if [ -n "$own" ]; then used=$(used_inodes "$1") && quota=$(quota_inodes "$2") && used=$((used - own - quota)); else used=$(walked_inodes "$1"); fi ||
        { why "the inodes of $1 cannot be counted"; return 1; }
    [ "$used" = "$inodes" ] || why "$inodes inodes are listed in $1, but it has $used"
}

used_inodes() {
    told=$(stat -f -c '%c %d' "$1") && [ -n "$told" ] || return 1
    echo $((${told% *} - ${told#* }))
}

walked_inodes() {
    told=$(du -s -x --inodes "$1") || return 1
    echo "${told%%[!0-9]*}"
}

# count_own TARGET: sets own, the inodes that a file system of this make has for itself, as it has just been made; nothing
# where that does not tell: btrfs counts none, ext4 may keep attributes in inodes, and project quotas change what is told.
count_own() {
    own=''
    case $KIND,$QUOTA in btrfs,* | *,prjquota* | *,pquota* | *,pqnoenforce*) return 0 ;; esac
    mount_work "$1" ro,noatime && entries "$WORK/copy" "$LISTS/there" && count_listed "$WORK/copy" "$LISTS/there" &&
        used=$(used_inodes "$WORK/copy") || return 1
    own=$((used - inodes))
    case $KIND in ext*) ! dumpe2fs -h "$device" 2>/dev/null | grep -q ea_inode || own='' ;; esac
    unmount "$WORK/copy"
}

# quota_inodes DEVICE: those of an XFS, from its superblock as it is on disk: fields 160, 168 and 232 of xfs_dsb. They are
# made when quotas are first on, and never go.
quota_inodes() {
    [ "$KIND" = xfs ] || { echo 0; return; }
    dd if="$1" of="$LISTS/superblock" bs=4096 count=1 iflag=direct 2>/dev/null && [ "$(head -c 4 "$LISTS/superblock")" = XFSB ] &&
        od -An -v -tx1 -w8 "$LISTS/superblock" >"$LISTS/superblock.hex" &&
        awk 'NR == 21 || NR == 22 || NR == 30 { gsub(/ /, ""); if ($0 !~ /^(0+|f+)$/) count++ } END { if (NR < 30) exit 1; print count + 0 }' "$LISTS/superblock.hex"
}

# -- what a later run can tell

# verb: check_proof FORMER
# Before the old home goes that a lost run left, what had been proved must still hold; where nothing was
# recorded, the two are compared.
check_proof() {
    [ "$TRUST" != yes ] || { say "    not looked at: lvm_trust_copy=yes"; return 0; }
    is_served && mount_both "$1" || return 1
    if [ -n "$PROOF" ]; then proof_holds "$1"; else compare_old "$1"; fi
    code=$?
    unmount "$WORK/source" && unmount "$WORK/copy" || return 1
    case $1 in /*) detach_image "$1" ;; esac
    return $code
}

# is_served: home is mounted from where fstab takes it.
is_served() {
    from=$(source_of "$MOUNT")
    case $served in
        /*) [ -b "$from" ] && case $(losetup -j "$served") in "$from":*) ;; *) false ;; esac ;;
        *) same_device "$from" "$(volume "$served")" ;;
    esac || why "$MOUNT is mounted from ${from:-nothing}, not from $served: mount it as /etc/fstab says, and run again"
}

# mount_both OLD: it may have the UUID of what serves home, which XFS refuses unless told.
mount_both() {
    target_device "$1" && mkdir -p "$WORK/source" "$WORK/copy" || return 1
    options=ro,noatime
    [ "$KIND" != xfs ] || options=$options,nouuid
    try mount -t "$KIND" -o "$options" "$device" "$WORK/source" && try mount --bind "$MOUNT" "$WORK/copy" && try mount --make-private "$WORK/copy" &&
        try mount -o remount,bind,ro,noatime "$WORK/copy"
}

proved() { for word in $PROOF; do case $word in "$1"=*) printf '%s\n' "${word#*=}" ;; esac; done; }

proof_holds() {
    own=$(proved own)
    entries "$WORK/source" "$LISTS/now" && count_listed "$WORK/source" "$LISTS/now" && count_used "$WORK/source" "$device" || return 1
    uuid=$(blkid -p -o value -s UUID "$from") || uuid=''
    said=''
    [ "$uuid" = "$(proved uuid)" ] || said="$MOUNT is served by UUID ${uuid:-unknown}, but $(proved uuid) was proved"
    [ "$inodes $bytes" = "$(proved inodes) $(proved bytes)" ] ||
        said="$1 has $inodes inodes with $bytes bytes, but $(proved inodes) with $(proved bytes) were proved"
    [ -z "$said" ] || { keep_both "$1" "$said"; return 1; }
    say "    $1 holds what was proved: $inodes inodes, counted twice"
}

# compare_old OLD: what is missing in home, or differs there and was not changed after the boot was told to take it.
compare_old() {
    since=$(stat -c %Y /etc/fstab) && entries "$WORK/source" "$LISTS/now" && count_listed "$WORK/source" "$LISTS/now" || return 1
    live=yes
    entries "$WORK/copy" "$LISTS/there" && sorted "$LISTS/newer" newer "$LISTS/there" && sorted "$LISTS/names.copy" names "$LISTS/there" &&
        into "$LISTS/both" of_names "$LISTS/names.copy" "$LISTS/now" && into "$LISTS/again.entries" not_of_names "$LISTS/newer" "$LISTS/both" &&
        unlike "$WORK/source" "$WORK/copy" "$LISTS/again.entries" /dev/null "$LISTS/unlike" &&
        sorted "$LISTS/others" others "$WORK/source" && sorted "$LISTS/others.copy" others "$WORK/copy" && into "$LISTS/newer.odd" newer_odd &&
        sorted "$LISTS/looks" lasting_looks "$LISTS/now" && sorted "$LISTS/looks.copy" lasting_looks "$LISTS/there" &&
        into "$LISTS/other.looks" comm -23 "$LISTS/looks" "$LISTS/looks.copy" && sorted "$LISTS/differing" lost_names
    code=$?
    live=no
    [ $code -eq 0 ] || return 1
    if [ -s "$LISTS/differing" ]; then
        differences=${LOG%/*}/$VG-$LV.differences
        mkdir -p "${LOG%/*}" && tr '\001' '?' <"$LISTS/differing" >"$differences" || { why "$differences cannot be written"; return 1; }
        keep_both "$1" "$(lines "$LISTS/differing") entries of $1 are missing in $MOUNT, or differ there and are not newer (listed in $differences)"
        return 1
    fi
    say "    compared $inodes inodes of $1 with $MOUNT: nothing is missing there"
}

newer() { awk -v since="$since" '$2 > since + 1 { print substr($0, index($0, "\t") + 1) }' "$1"; }

lasting_looks() { awk '{ print $4, $5, $6, $7, ($4 == "d" ? "" : $3 " " $9) substr($0, index($0, "\t")) }' "$1"; }

# others DIRECTORY: what no list tells, a line each: where symbolic links lead, and what has an odd name, with \001 for a newline.
others() {
    {
        told=$({
            (cd "$1" && well find . -xdev -type l -printf '%l\t%p\0' -o -path "*$newline*" -printf '%y\t%p\0') | well tr '\n\0' '\001\n' >&4
            if has_odd "$1"; then well odd_sums "$1" >&4; else printf .; fi
        } 3>&1)
    } 4>&1
    [ "$told" = ... ]
}

odd_sums() {
    odd_names "$1" -type f >"$LISTS/odd.some" && within "$1" xargs -0r md5sum -- <"$LISTS/odd.some" >"$LISTS/odd.all" &&
        awk "$unescaped"'{
            sub(/^\\/, ""); gsub(/\\\\/, "\\134"); gsub(/\\n/, "\\001"); gsub(/\\r/, "\\015")
            print unescaped(substr($0, 1, 32) "\t" substr($0, 35), "\\")
        }' "$LISTS/odd.all"
}

newer_odd() {
    (cd "$WORK/copy" && find . -xdev -path "*$newline*" -newerct "@$((since + 1))" -print0) >"$LISTS/odd.all" && tr '\n\0' '\001\n' <"$LISTS/odd.all"
}

# What is newer is there all the same: what is not there at all is in neither list of looks.
lost_names() {
    names "$LISTS/now" >"$LISTS/both" && sort "$LISTS/both" >"$LISTS/names" && comm -23 "$LISTS/names" "$LISTS/names.copy" && cat "$LISTS/unlike" || return 1
    comm -23 "$LISTS/others" "$LISTS/others.copy" >"$LISTS/both" && cat "$LISTS/other.looks" >>"$LISTS/both" && names "$LISTS/both" >"$LISTS/names" &&
        cat "$LISTS/newer.odd" >>"$LISTS/newer" && awk -v list="$LISTS/newer" "$wanted"' !($0 in wanted)' "$LISTS/names"
}

# keep_both OLD WHY
keep_both() {
    case $1 in
        /*) line="$1 $(escaped "$MOUNT") $KIND loop,$OPTIONS 0 0" ;;
        *) line="$(by_id "$1") $(escaped "$MOUNT") $KIND $OPTIONS 0 0" ;;
    esac
    why "$2. Both are kept. If $MOUNT is right as it is, run again with lvm_trust_copy=yes. To go back to $1: write '$line' in place of the line" \
        "below '$MARK' in /etc/fstab, then \`systemctl daemon-reload; umount $MOUNT && mount $MOUNT\`, and run again"
}
