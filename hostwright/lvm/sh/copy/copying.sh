# Fills a copy from the source, most of it while people work there.
# $LISTS/keys holds what is proved: each entry as it was when it was copied, and found alike.
# needs: prelude asking compare copies lists marks progress proof quotas stuck sums tree work
# given: MOUNT QUOTA WORK LISTS
# sets: live

# verb: copy_live TARGET
# The bulk is copied and compared while people go on working in the source; again, when much changed meanwhile.
copy_live() {
    local pass left unsticking before amount count
    live=yes pass=0 left=0
    : >"$LISTS/keys" && count_own "$1" || return 1
    unstick &
    unsticking=$!
    while
        before=$left
        pass=$((pass + 1))
        pass_live "$1" && entries "$WORK/source" "$LISTS/now" && changed_since "$LISTS/now" &&
            into "$LISTS/changed.entries" of_names "$LISTS/changed" "$LISTS/now" || return 1
        amount=$(bytes_of "$LISTS/changed.entries") count=$(lines "$LISTS/changed.entries")
        # An entry takes as long as 64 KiB. A file that never rests is left for the time when nobody can write.
        left=$((amount + count * 65536))
        [ "$left" -gt 33554432 ] && [ $pass -lt 5 ] && { [ $pass -eq 1 ] || [ "$left" -lt $((before / 2)) ]; }
    do
        say "    $count entries ($(mebibytes "$amount")) changed meanwhile: once more"
    done
    live=no
    kill $unsticking 2>/dev/null
    rm -f "$LISTS/again.entries" "$LISTS/changed.entries" "$LISTS/sums"
    unmount "$WORK/copy"
}

# changed_since ENTRIES: the names of those that are not proved, or not as they were then, in $LISTS/changed.
changed_since() {
    local long kept
    long=$(awk '{ name = substr($0, index($0, "\t") + 1) } length(name) > 4000 { print name; exit }' "$1") || return 1
    [ -z "$long" ] || {
        why "no tool can be told a path of $(printf %s "$long" | wc -c) bytes:" \
            "move $MOUNT/$(printf %.200s "${long#./}")... up"
        return 1
    }
    sorted "$LISTS/keys.now" keys "$1" && same_count "$MOUNT" "$1" "$LISTS/keys.now" &&
        into "$LISTS/keys.new" comm -13 "$LISTS/keys" "$LISTS/keys.now" &&
        sorted "$LISTS/changed" names "$LISTS/keys.new" &&
        same_count "what changed in $MOUNT" "$LISTS/keys.new" "$LISTS/changed" || return 1
    rm -f "$LISTS/keys.new"
    kept=$(comm -12 "$LISTS/keys" "$LISTS/keys.now" | wc -l)
    [ $((kept + $(lines "$LISTS/changed"))) = "$(lines "$1")" ] ||
        why "$MOUNT: $(lines "$1") entries, but $kept proved and $(lines "$LISTS/changed") not"
}

pass_live() {
    local tick total code
    mount_work "$1" "noatime${QUOTA:+,$QUOTA}" || return 1
    # What was written through a mapping gets its ctime when it is written back.
    sync
    entries "$WORK/source" "$LISTS/entries" || return 1
    # What changes twice within a tick of the kernel's clock keeps its ctime: nothing is read before that tick is over.
    sleep 0.1 &
    tick=$!
    rsync_options
    changed_since "$LISTS/entries" || return 1
    rm -f "$LISTS/again.entries"
    if [ "$pass" -eq 1 ]; then
        ln -s entries "$LISTS/again.entries"
    else
        into "$LISTS/again.entries" of_names "$LISTS/changed" "$LISTS/entries"
    fi || return 1
    rm -f "$LISTS/changed"
    wait $tick
    total=$(used_bytes "$WORK/source")
    watch "copying $MOUNT" "$total" used_bytes "$WORK/copy"
    is_mounted "$WORK/source" "$home_device" && copy_all "$WORK/source" "$WORK/copy"
    code=$?
    unwatch
    [ $code -eq 0 ] && marks_of "$WORK/source" "$LISTS/entries" "$LISTS/marks" && unmount "$WORK/copy" && forget "$1" ||
        return 1
    [ "$pass" -gt 1 ] || check_file_system "$device" || return 1
    mount_work "$1" ro,noatime || return 1
    watch "reading copy" "$(used_bytes "$WORK/copy")" sectors_read "$(number_of "$device")"
    compare_live
    code=$?
    unwatch
    [ $code -eq 0 ] && unmount "$WORK/copy"
}

# compare_live: what is not found alike is not proved, and waits for the next pass.
compare_live() {
    local marking
    entries "$WORK/copy" "$LISTS/there" && sorted "$LISTS/looks" looks "$LISTS/entries" &&
        sorted "$LISTS/looks.copy" looks "$LISTS/there" &&
        into "$LISTS/other.looks" either "$LISTS/looks" "$LISTS/looks.copy" || return 1
    rm -f "$LISTS/looks" "$LISTS/looks.copy"
    marks_of "$WORK/copy" "$LISTS/there" "$LISTS/marks.copy" &
    marking=$!
    unlike "$WORK/source" "$WORK/copy" "$LISTS/again.entries" "$LISTS/sums" "$LISTS/unlike" || return 1
    wait $marking || { why "flags of the copy could not be read"; return 1; }
    sorted "$LISTS/unproved" names_unproved && into "$LISTS/keys" not_of_names "$LISTS/unproved" "$LISTS/keys.now" ||
        return 1
    rm -f "$LISTS/unproved" "$LISTS/keys.now"
}

names_unproved() { cat "$LISTS/other.looks" "$LISTS/unlike" "$LISTS/marks.untold" && names "$LISTS/marks.copy"; }

# verb: verify TARGET
# With the source read-only, what is not proved is copied and compared, and so is all that one line tells of an
# entry. What differs all the same is copied once more; then it must hold.
verify() {
    local try
    for try in 1 2; do
        copy_rest "$1" "$try" && prove "$1" && return 0
        [ -s "$LISTS/differing" ] || return 1
        into "$LISTS/keys.new" not_of_names "$LISTS/differing" "$LISTS/keys" && mv "$LISTS/keys.new" "$LISTS/keys" ||
            return 1
        [ $try -eq 2 ] || say "    once more, because $reason"
    done
    return 1
}

copy_rest() {
    local code
    : >"$LISTS/errors" && : >"$LISTS/differing" && mount_work "$1" "noatime${QUOTA:+,$QUOTA}" || return 1
    entries "$WORK/source" "$LISTS/now" && changed_since "$LISTS/now" && list_work || return 1
    say "    $(lines "$LISTS/again") entries ($(mebibytes "$(bytes_of "$LISTS/again.entries")")) to copy again," \
        "$(lines "$LISTS/gone") gone"
    [ "$2" -eq 1 ] || clear_flags "$WORK/copy"
    watch "copying the rest of $MOUNT" "$(bytes_of "$LISTS/again.entries")" used_bytes "$WORK/copy"
    is_mounted "$WORK/source" "$home_device" && copy_again "$WORK/source" "$WORK/copy" "$LISTS/now" && copy_marks
    code=$?
    unwatch
    [ $code -eq 0 ] || return 1
    [ -z "$QUOTA" ] || copy_quotas || return 1
    unmount "$WORK/copy"
}

# list_work: what to copy again, what is gone, and whose times to set.
list_work() {
    # What came and went while the copy was made is in no list of ours, but it may be in the copy.
    rm -f "$LISTS/keys.now"
    sorted "$LISTS/names" names "$LISTS/now" && same_count "$MOUNT" "$LISTS/now" "$LISTS/names" &&
        sorted "$LISTS/names.copy" names "$LISTS/there" &&
        into "$LISTS/gone" comm -23 "$LISTS/names.copy" "$LISTS/names" && rm -f "$LISTS/names.copy" "$LISTS/there" &&
        sorted "$LISTS/again" names_again &&
        into "$LISTS/again.entries" of_names "$LISTS/again" "$LISTS/now" &&
        same_count "what to copy again" "$LISTS/again" "$LISTS/again.entries" &&
        sorted "$LISTS/looks" looks "$LISTS/entries" && sorted "$LISTS/looks.now" looks "$LISTS/now" &&
        into "$LISTS/other.looks" either "$LISTS/looks" "$LISTS/looks.now" && sorted "$LISTS/times" names_timed ||
        return 1
    rm -f "$LISTS/looks" "$LISTS/looks.now"
}

names_again() { cat "$LISTS/changed" && linked_to_odd "$WORK/source" "$LISTS/now"; }

names_timed() {
    cat "$LISTS/again" "$LISTS/other.looks" && cat "$LISTS/again" "$LISTS/other.looks" "$LISTS/gone" | parents
}

copy_marks() {
    marks_of "$WORK/source" "$LISTS/again.entries" "$LISTS/marks.again" && sorted "$LISTS/marks.now" current_marks &&
        set_marks "$WORK/source" "$WORK/copy" "$LISTS/marks.now"
}

current_marks() {
    of_names "$LISTS/names" "$LISTS/marks" >"$LISTS/marks.old" && not_of_names "$LISTS/again" "$LISTS/marks.old" &&
        cat "$LISTS/marks.again"
}
