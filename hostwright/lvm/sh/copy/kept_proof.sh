# What a later run can tell of a copy that was proved. TRUST=yes: it is not compared with what was proved.
# needs: prelude asking cell compare copies lists mounted holders proof work kinds
# given: VG LV MOUNT KIND OPTIONS PROOF TRUST WORK LOG LISTS MARK
# sets: live

# verb: check_proof FORMER
# Before the old source goes that a lost run left, what had been proved must still hold; where nothing was
# recorded, the two are compared.
check_proof() {
    local code
    [ "$TRUST" != yes ] || { say "    not looked at: lvm_trust_copy=yes"; return 0; }
    is_served && mount_both "$1" || return 1
    if [ -n "$PROOF" ]; then proof_holds "$1"; else compare_old "$1"; fi
    code=$?
    unmount "$WORK/source" && unmount "$WORK/copy" || return 1
    case $1 in /*) detach_image "$1" ;; esac
    return $code
}

# mount_both OLD: it may have the UUID of what serves the source.
mount_both() {
    local options
    target_device "$1" && mkdir -p "$WORK/source" "$WORK/copy" || return 1
    options=ro,noatime$(of_kind "$KIND" twin_options) || return 1
    try mount -t "$KIND" -o "$options" "$device" "$WORK/source" && try mount --bind "$MOUNT" "$WORK/copy" &&
        try mount --make-private "$WORK/copy" &&
        try mount -o remount,bind,ro,noatime "$WORK/copy"
}

proved() {
    local word
    for word in $PROOF; do
        case $word in "$1"=*) printf '%s\n' "${word#*=}" ;; esac
    done
}

proof_holds() {
    local own uuid said
    own=$(proved own)
    entries "$WORK/source" "$LISTS/now" && count_listed "$WORK/source" "$LISTS/now" &&
        count_used "$WORK/source" "$device" || return 1
    uuid=$(blkid -p -o value -s UUID "$from") || uuid=''
    said=''
    [ "$uuid" = "$(proved uuid)" ] || said="$MOUNT is served by UUID ${uuid:-unknown}, but $(proved uuid) was proved"
    [ "$inodes $bytes" = "$(proved inodes) $(proved bytes)" ] ||
        said="$1 has $inodes inodes with $bytes bytes, but $(proved inodes) with $(proved bytes) were proved"
    [ -z "$said" ] || { keep_both "$1" "$said"; return 1; }
    say "    $1 holds what was proved: $inodes inodes, counted twice"
}

# compare_old OLD: what is missing in the source, or differs there and was not changed after the boot was told to
# take it.
compare_old() {
    local since code differences said
    since=$(stat -c %Y /etc/fstab) && entries "$WORK/source" "$LISTS/now" && count_listed "$WORK/source" "$LISTS/now" ||
        return 1
    live=yes
    entries "$WORK/copy" "$LISTS/there" && sorted "$LISTS/newer" newer "$LISTS/there" &&
        sorted "$LISTS/names.copy" names "$LISTS/there" &&
        into "$LISTS/both" of_names "$LISTS/names.copy" "$LISTS/now" &&
        into "$LISTS/again.entries" not_of_names "$LISTS/newer" "$LISTS/both" &&
        unlike "$WORK/source" "$WORK/copy" "$LISTS/again.entries" /dev/null "$LISTS/unlike" &&
        sorted "$LISTS/others" others "$WORK/source" && sorted "$LISTS/others.copy" others "$WORK/copy" &&
        into "$LISTS/newer.odd" newer_odd &&
        sorted "$LISTS/looks" lasting_looks "$LISTS/now" && sorted "$LISTS/looks.copy" lasting_looks "$LISTS/there" &&
        into "$LISTS/other.looks" comm -23 "$LISTS/looks" "$LISTS/looks.copy" && sorted "$LISTS/differing" lost_names
    code=$?
    live=no
    [ $code -eq 0 ] || return 1
    if [ -s "$LISTS/differing" ]; then
        differences=${LOG%/*}/$VG-$LV.differences
        mkdir -p "${LOG%/*}" && tr '\001' '?' <"$LISTS/differing" >"$differences" ||
            { why "$differences cannot be written"; return 1; }
        said="$(lines "$LISTS/differing") entries of $1 are missing in $MOUNT, or differ there and are not newer"
        keep_both "$1" "$said (listed in $differences)"
        return 1
    fi
    say "    compared $inodes inodes of $1 with $MOUNT: nothing is missing there"
}

newer() { awk -v since="$since" '$2 > since + 1 { print substr($0, index($0, "\t") + 1) }' "$1"; }

lasting_looks() { awk '{ print $4, $5, $6, $7, ($4 == "d" ? "" : $3 " " $9) substr($0, index($0, "\t")) }' "$1"; }

# others DIRECTORY: what no list tells, a line each: where symbolic links lead, and what has an odd name, with \001 for
# a newline.
others() {
    local told
    {
        told=$({
            (cd "$1" && well find . -xdev -type l -printf '%l\t%p\0' -o -path "*$newline*" -printf '%y\t%p\0') |
                well tr '\n\0' '\001\n' >&4
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
    (cd "$WORK/copy" && find . -xdev -path "*$newline*" -newerct "@$((since + 1))" -print0) >"$LISTS/odd.all" &&
        tr '\n\0' '\001\n' <"$LISTS/odd.all"
}

# What is newer is there all the same: what is not there at all is in neither list of looks.
lost_names() {
    names "$LISTS/now" >"$LISTS/both" && sort "$LISTS/both" >"$LISTS/names" &&
        comm -23 "$LISTS/names" "$LISTS/names.copy" && cat "$LISTS/unlike" || return 1
    comm -23 "$LISTS/others" "$LISTS/others.copy" >"$LISTS/both" && cat "$LISTS/other.looks" >>"$LISTS/both" &&
        names "$LISTS/both" >"$LISTS/names" &&
        cat "$LISTS/newer.odd" >>"$LISTS/newer" && awk -v list="$LISTS/newer" "$wanted"' !($0 in wanted)' "$LISTS/names"
}

# keep_both OLD WHY
keep_both() {
    local line
    case $1 in
        /*) line="$1 $(escaped "$MOUNT") $KIND loop,$OPTIONS 0 0" ;;
        *) line="$(by_id "$1") $(escaped "$MOUNT") $KIND $OPTIONS 0 0" ;;
    esac
    why "$2. Both are kept. If $MOUNT is right as it is, run again with lvm_trust_copy=yes. To go back to $1:" \
        "write '$line' in place of the line below '$MARK' in /etc/fstab," \
        "then \`systemctl daemon-reload; umount $MOUNT && mount $MOUNT\`, and run again"
}
