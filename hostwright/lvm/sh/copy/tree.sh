# Copies a tree, most of it while people work in it. What changed since is known by ctime, size and inode: rsync's rule
# of size and mtime overlooks what was mapped, and whose mtime was set back.
# What goes wrong here is seen when the copy is compared; only what could lead a write astray is looked at here.
# needs: prelude cell lists stuck sums
# given: LISTS RUN
# sets: carrier settling
carrier='' settling=''

used_bytes() { stat -f -c '%S %b %f' "$1" | awk '{ printf "%.0f\n", $1 * ($2 - $3) }'; }

# copy_holey SOURCE TARGET: the names that come in, which are not in the target. cp knows holes, rsync reads them.
copy_holey() {
    zero | within "$1" xargs -0r cp -a --parents --sparse=always -t "$2" -- 2>"$RUN/out" || [ "$live" = yes ] ||
        why "cp: $(tail -n 1 "$RUN/out")"
}

# run_rsync OPTION...: it reads $LISTS/list; the sums of the files that it carried, with their names, go to
# $LISTS/carried.
run_rsync() {
    local code
    rsync_options
    : >>"$LISTS/list"
    until_unstuck carry "$@"
    case "$code $live" in
        # What vanished, changed or led astray while people worked is copied again later.
        0\ * | 24\ yes | 23\ yes | 20\ yes | 2\ yes) return 0 ;;
    esac
    sed 's/^/    /' "$RUN/out" | tail -n 15
    why "rsync ended with $code: $(grep -v '^ *$' "$RUN/out" | grep -v '^rsync error' | tail -n 1)"
}

carry() {
    $cell rsync $inner_options --out-format='%C %n' "$@" <"$LISTS/list" >"$LISTS/carried" 2>"$RUN/out" &
    carrier=$!
    wait "$carrier"
    code=$? carrier=''
}

# stop_copying: where a signal ended the step, what it has at work ends, too.
stop_copying() {
    [ -z "$carrier" ] || { kill "$carrier" 2>/dev/null; wait "$carrier"; }
    [ -z "$settling" ] || wait $settling
}

# bulk ENTRIES: those that cp copies with all that is known of them, of no more than $most bytes; rest ENTRIES: the
# others.
bulk() { awk -v most="$most" "$is_bulk" "$1"; }
rest() { awk -v most="$most" "!($is_bulk)" "$1"; }
is_bulk='$8 == 1 && ($4 == "l" || $4 == "f" && $11 * 512 >= $3 && $3 <= most + 0)'

# copy_bulk SOURCE TARGET ENTRIES: about twice as fast as rsync. Part by part, each so small that it is still in memory
# when its sums are taken; that, and its way to the disk, while the next one is copied. The directories are there.
copy_bulk() {
    local turn part count
    # Not a file each: a small file system for lists has few inodes.
    into "$LISTS/parts" awk -v most="$most" '{
        bytes += $3
        at = int(bytes / (most < 268435456 ? most + 1 : 268435456))
        if (at != last && count) { print count; count = 0 }
        last = at
        count++
    } END { if (count) print count }' "$3" || return 1
    settling='' turn=0
    while read -r count <&5; do
        turn=$((1 - turn)) part=$LISTS/part.$turn
        head -n "$count" <&6 >"$part"
        names "$part" | dealt_out copied
        until_unstuck copy_side_by_side "$1" "$2"
        [ -z "$settling" ] || wait $settling
        { sync -f "$2" || sync; } 2>/dev/null &
        settling=$!
        names_of '$4 == "f"' "$part" | sums_side_by_side "$1" >>"$LISTS/sums.bulk" &
        settling="$settling $!"
    done 5<"$LISTS/parts" 6<"$3"
    [ -z "$settling" ] || wait $settling
    rm -f "$LISTS"/part.[01] "$LISTS/parts" "$LISTS"/copied.*
}

copy_side_by_side() {
    local at_work reader
    at_work=''
    for reader in $readers; do
        copy_entries "$1" "$2" <"$LISTS/copied.$reader" &
        at_work="$at_work $!"
    done
    wait $at_work
}

copy_entries() { zero | within "$1" xargs -0r cp -a --remove-destination --parents -t "$2" -- >/dev/null 2>&1; }

# copy_all SOURCE TARGET: TARGET becomes like SOURCE, as it is listed in $LISTS/entries, but for flags and project IDs.
copy_all() {
    local most
    into "$LISTS/holey" holey "$LISTS/again.entries" && into "$LISTS/bulk" not_through_links "$2" "$LISTS/holey" ||
        return 1
    if [ "$pass" -gt 1 ]; then names "$LISTS/bulk" | zero | within "$2" xargs -0r rm -rf --; fi
    names "$LISTS/bulk" | copy_holey "$1" "$2" || return 1
    : >"$LISTS/sums.bulk" || return 1
    if [ "$pass" -eq 1 ]; then
        most=$(awk '/^MemAvailable/ { printf "%.0f", $2 * 128 }' /proc/meminfo)
        { rest "$LISTS/entries" | names | sed '/^\.$/d' | zero && odd_names "$1"; } >"$LISTS/list"
        run_rsync -d --exclude='*' "$1/" "$2/" && run_rsync -d -0 --files-from=- "$1/" "$2/" || return 1
        bulk "$LISTS/entries" >"$LISTS/untimed"
        into "$LISTS/bulk" not_through_links "$2" "$LISTS/untimed" || return 1
        rm -f "$LISTS/untimed"
        copy_bulk "$1" "$2" "$LISTS/bulk" || return 1
    else
        run_rsync -r --delete --delete-delay "$1/" "$2/" || return 1
    fi
    carried_sums <"$LISTS/carried" | sort - "$LISTS/sums.bulk" >"$LISTS/sums"
    rm -f "$LISTS/carried" "$LISTS/sums.bulk" "$LISTS/list"
    entries "$2" "$LISTS/there" || return 1
    in_both "$LISTS/entries" "$LISTS/there" >"$LISTS/bulk"
    if [ "$pass" -eq 1 ]; then rest "$LISTS/bulk" >"$LISTS/untimed"; else mv "$LISTS/bulk" "$LISTS/untimed"; fi
    rm -f "$LISTS/bulk"
    names_of '$4 == "f"' "$LISTS/untimed" | copy_times_of_files "$1" "$2" || return 1
    copy_times_of_others "$1" "$2" "$LISTS/untimed"
    copy_times_of_directories "$1" "$2"
    rm -f "$LISTS/untimed" "$LISTS/there"
}

# not_through_links DIRECTORY ENTRIES: those whose path there leads over no symbolic link. Who swaps a directory for a
# link between two looks could have us write where that leads.
not_through_links() {
    within "$1" find . -xdev -type l ! -path "*$newline*" >"$LISTS/links.there" || return 1
    awk -v list="$LISTS/links.there" '
        BEGIN { while ((got = getline name <list) > 0) link[name] = 1; if (got) exit 2 }
        {
            name = substr($0, index($0, "\t") + 1)
            while (sub(/\/[^\/]*$/, "", name)) if (name in link) next
            print
        }' "$2"
}

# in_both SOURCE-ENTRIES TARGET-ENTRIES: those that are of the same kind in the target. What has become something else
# meanwhile is not touched: to open a pipe would wait for ever, and a link could lead out of the tree.
in_both() { awk '{ key = $4 substr($0, index($0, "\t")) } NR == FNR { there[key] = 1; next } key in there' "$2" "$1"; }

# All directories in one walk. What is none is left alone (-n). Newer ones call that a failure: what they did is looked
# at.
copy_times_of_directories() {
    within "$1" cp -r -n --attributes-only --preserve=timestamps . "$2/" >/dev/null 2>&1 || :
}

copy_times_of_files() {
    zero | within "$1" xargs -0r cp --attributes-only --preserve=timestamps --parents -t "$2" -- 2>"$RUN/out" ||
        [ "$live" = yes ] || why "times: $(tail -n 1 "$RUN/out")"
}

# copy_times_of_others SOURCE TARGET ENTRIES: what is neither file nor directory is made again, with all that is known
# of it. All names of one are made together, so that they stay links of each other; where not all are listed, its times
# are set.
copy_times_of_others() {
    local part
    names_of '$4 !~ /[fd]/ && $8 == 1' "$3" | copy_entries "$1" "$2"
    rm -f "$LISTS"/part.* "$LISTS/partial"
    awk '$4 !~ /[fd]/ && $8 > 1' "$3" | sort -n | awk -v part="$LISTS/part." -v partial="$LISTS/partial" '
        function settle(   i) {
            if (count == 0) return
            if (count != links || length(all) > 65536) { split(all, name, "\n"); print name[1] >partial; return }
            if (bytes > 32768) { close(part parts); parts++; bytes = 0 }
            printf "%s", all >(part parts)
            bytes += length(all)
        }
        BEGIN { parts = 0 }
        $1 != inode { settle(); inode = $1; links = $8; count = 0; all = "" }
        { count++; all = all substr($0, index($0, "\t") + 1) "\n" }
        END { settle() }'
    for part in "$LISTS"/part.*; do
        [ ! -e "$part" ] || copy_entries "$1" "$2" <"$part"
    done
    [ ! -e "$LISTS/partial" ] || times_one_by_one "$1" "$2" <"$LISTS/partial"
    rm -f "$LISTS"/part.* "$LISTS/partial"
}

# times_one_by_one SOURCE TARGET: of the names that come in.
times_one_by_one() { zero | within "$1" xargs -0r -I '{}' touch -h -r '{}' -- "$2/{}" 2>/dev/null; }

# copy_again SOURCE TARGET ENTRIES: brings a copy up to date. For a source that nobody can change any more, and a target
# that nobody else sees. Of the lists of names, `again` are copied, `gone` are no more, and `times` have theirs set
# again.
copy_again() {
    zero <"$LISTS/gone" | within "$2" xargs -0r rm -rf -- 2>"$RUN/out" ||
        { why "rm: $(tail -n 1 "$RUN/out")"; return 1; }
    ! has_odd "$2" || odd_names "$2" |
        within "$2" xargs -0r sh -c '
            source=$0
            for name do
                [ -e "$source/$name" ] || [ -h "$source/$name" ] || rm -rf -- "$name"
            done' "$1" ||
        { why "names with a newline could not be removed"; return 1; }
    holey "$LISTS/again.entries" | names >"$LISTS/holey"
    {
        not_of_names "$LISTS/holey" "$LISTS/again.entries" | names | sed '/^\.$/d' | zero
        ! has_odd "$1" || odd_names "$1"
    } >"$LISTS/list"
    run_rsync -d --exclude='*' "$1/" "$2/" && run_rsync -I -0 --files-from=- "$1/" "$2/" || return 1
    if [ -s "$LISTS/holey" ]; then
        zero <"$LISTS/holey" | within "$2" xargs -0r rm -rf -- && copy_holey "$1" "$2" <"$LISTS/holey" || return 1
        zero <"$LISTS/holey" >"$LISTS/list"
        run_rsync -0 --files-from=- "$1/" "$2/" || return 1
    fi
    of_names "$LISTS/times" "$3" >"$LISTS/times.entries"
    names_of '$4 == "f"' "$LISTS/times.entries" | copy_times_of_files "$1" "$2" || return 1
    copy_times_of_others "$1" "$2" "$LISTS/times.entries"
    # The deepest first: what is made in a directory gives it another time.
    names_of '$4 == "d"' "$LISTS/times.entries" | sort -r >"$LISTS/untimed"
    if [ "$(lines "$LISTS/untimed")" -gt 200 ]; then
        copy_times_of_directories "$1" "$2"
    else
        times_one_by_one "$1" "$2" <"$LISTS/untimed"
    fi
    ! has_odd "$1" || copy_times_of_odd "$1" "$2"
}

copy_times_of_odd() {
    odd_names "$1" -type f |
        within "$1" xargs -0r cp --attributes-only --preserve=timestamps --parents -t "$2" -- 2>/dev/null
    odd_names "$1" ! -type f ! -type d | within "$1" xargs -0r -I '{}' touch -h -r '{}' -- "$2/{}" 2>/dev/null
    copy_times_of_directories "$1" "$2"
}

# parents: of the names that come in.
parents() { sed 's|/[^/]*$||' | sort -u; }
