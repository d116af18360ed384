# What proves a copy. It is kept in the marker of fstab for later runs.
# needs: prelude asking cell compare copies lists marks mounted progress work kinds
# given: MOUNT KIND QUOTA WORK LISTS
# sets: PROOF own inodes bytes

# prove TARGET: the copy, read from disk, is what the source is. Every list that says so is as long as others say it
# must be.
prove() {
    local code
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
    entries "$WORK/copy" "$LISTS/there" && sorted "$LISTS/looks" looks "$LISTS/now" &&
        sorted "$LISTS/looks.copy" looks "$LISTS/there" &&
        same_count "$MOUNT" "$LISTS/now" "$LISTS/looks" && same_count "the copy" "$LISTS/there" "$LISTS/looks.copy" &&
        sorted "$LISTS/marked" names_marked && into "$LISTS/marked.entries" of_names "$LISTS/marked" "$LISTS/there" &&
        marks_of "$WORK/copy" "$LISTS/marked.entries" "$LISTS/marks.copy" &&
        unlike "$WORK/source" "$WORK/copy" "$LISTS/again.entries" /dev/null "$LISTS/unlike" &&
        sorted "$LISTS/differing" names_differing &&
        links_of "$LISTS/now" "$LISTS/links" && links_of "$LISTS/there" "$LISTS/links.copy" &&
        special "$WORK/source" "$LISTS/now" "$LISTS/special" &&
        special "$WORK/copy" "$LISTS/there" "$LISTS/special.copy" &&
        filled "$LISTS/now" "$WORK/copy" "$LISTS/filled"
}

names_marked() { names "$LISTS/marks.now" && cat "$LISTS/again"; }

names_differing() {
    cat "$LISTS/unlike" && either "$LISTS/looks" "$LISTS/looks.copy" && either "$LISTS/marks.now" "$LISTS/marks.copy"
}

nothing_wrong() {
    local errors
    for errors in "$LISTS/errors" "$LISTS/attributes.errors" "$LISTS/attributes.copy.errors"; do
        [ ! -s "$errors" ] || { why "reading $MOUNT and its copy: $(tail -n 1 "$errors")"; return 1; }
    done
}

is_alike() {
    [ ! -s "$LISTS/differing" ] || { why "the copy differs: $(head -n 1 "$LISTS/differing")"; return 1; }
    cmp -s "$LISTS/links" "$LISTS/links.copy" ||
        { why "hard links differ: $(either "$LISTS/links" "$LISTS/links.copy" | head -n 1)"; return 1; }
    cmp -s "$LISTS/special" "$LISTS/special.copy" ||
        { why "links, devices or odd names differ: $(cmp "$LISTS/special" "$LISTS/special.copy" 2>&1)"; return 1; }
    [ ! -s "$LISTS/filled" ] || { why "a sparse file was filled: $(head -n 1 "$LISTS/filled")"; return 1; }
}

# is_counted: the source and its copy have as many inodes as each other, by the lists and by what the file systems say.
is_counted() {
    local there bytes_there hash
    count_listed "$WORK/source" "$LISTS/now" && count_used "$WORK/source" "$(source_of "$MOUNT")" || return 1
    there=$inodes bytes_there=$bytes
    count_listed "$WORK/copy" "$LISTS/there" && count_used "$WORK/copy" "$device" || return 1
    [ "$inodes $bytes" = "$there $bytes_there" ] ||
        { why "$MOUNT has $there inodes with $bytes_there bytes, its copy $inodes with $bytes"; return 1; }
    hash=$(cat "$LISTS/looks" "$LISTS/links" "$LISTS/special" "$LISTS/marks.now" | sha256sum) ||
        { why "the lists cannot be read again"; return 1; }
    PROOF="inodes=$inodes bytes=$bytes own=$own hash=${hash%% *}"
    say "    compared $(names_of '$4 == "f"' "$LISTS/now" | wc -l) files and" \
        "$(names_of '$4 != "f"' "$LISTS/now" | wc -l) other entries: all the same;" \
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

# count_used DIRECTORY DEVICE: as many inodes are in use there as are listed; by the file system itself, or by a second
# walk with another program.
count_used() {
    local used quota
    if [ -n "$own" ]; then
        used=$(used_inodes "$1") && quota=$(of_kind "$KIND" quota_inodes "$2") && used=$((used - own - quota))
    else
        used=$(walked_inodes "$1")
    fi ||
        { why "the inodes of $1 cannot be counted"; return 1; }
    [ "$used" = "$inodes" ] || why "$inodes inodes are listed in $1, but it has $used"
}

used_inodes() {
    local told
    told=$(stat -f -c '%c %d' "$1") && [ -n "$told" ] || return 1
    echo $((${told% *} - ${told#* }))
}

walked_inodes() {
    local told
    told=$(du -s -x --inodes "$1") || return 1
    echo "${told%%[!0-9]*}"
}

# count_own TARGET: sets own, the inodes that a file system of this make has for itself, as it has just been made;
# nothing where that does not tell: with some kinds, and with project quotas, which change what is told.
count_own() {
    local used
    own=''
    case ,$QUOTA in *,prjquota* | *,pquota* | *,pqnoenforce*) return 0 ;; esac
    target_device "$1" || return 1
    ! of_kind "$KIND" uncounted "$device" || return 0
    mount_work "$1" ro,noatime && entries "$WORK/copy" "$LISTS/there" && count_listed "$WORK/copy" "$LISTS/there" &&
        used=$(used_inodes "$WORK/copy") || return 1
    own=$((used - inodes))
    unmount "$WORK/copy"
}
