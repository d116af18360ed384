# What files hold, as sums, taken by several readers at a time.
# needs: cell lists
# given: WORK LISTS
# sets: inner_options checksum readers
inner_options='' checksum=md5
# Small files are waited for one by one: two processors have done with one long before the disk has found the next.
readers='1 2 3 4'

# rsync_options: sets inner_options and checksum.
# rsync compares whole seconds unless told otherwise, and older ones cannot be told; nor which checksum, it is MD5
# there.
rsync_options() {
    [ -n "$inner_options" ] && return
    inner_options='-lptgoD -HAXS --numeric-ids --force -8'
    if rsync --modify-window=-1 --version >/dev/null 2>&1; then inner_options="$inner_options --modify-window=-1"; fi
    # To the second: cp sets the rest.
    if rsync --atimes --version >/dev/null 2>&1; then inner_options="$inner_options --atimes"; fi
    # Several times as fast as MD5, also where wide registers are slow; and those that know it print what --checksum
    # found.
    if rsync --version 2>/dev/null | grep -qw xxh64; then checksum=xxh64; fi
    if rsync --checksum-choice=$checksum --version >/dev/null 2>&1; then
        inner_options="$inner_options --checksum-choice=$checksum"
    fi
}

# carried_sums: SUM<TAB>NAME of rsync's lines; a sum of zeros is that of a file it could not open.
carried_sums() {
    awk "$unescaped"'
        /^[0-9a-f]+ / && $1 ~ /[^0]/ && length($1) >= 16 {
            print $1 "\t./" unescaped(substr($0, length($1) + 2), "\\#")
        }'
}

# dealt_out LIST: the names that come in by turns to $LISTS/LIST.1 and so on, a list for each reader.
dealt_out() {
    awk -v list="$LISTS/$1." -v readers="$readers" '
        BEGIN { count = split(readers, reader, " "); for (i in reader) printf "" >(list reader[i]) }
        { print >(list reader[NR % count + 1]) }'
}

# sums_of DIRECTORY: SUM<TAB>NAME of the names that come in, and still are files: to open a pipe would wait for ever.
sums_of() {
    rsync_options
    case $checksum in
        xxh64)
            zero | $cell rsync -n -c --checksum-choice=xxh64 -0 --files-from=- --out-format='%C %n' \
                "$1/" "$WORK/nothing/" 2>>"$LISTS/errors" | carried_sums
            ;;
        md5) md5_sums "$1" ;;
    esac | sort
}

md5_sums() {
    zero | within "$1" xargs -0r sh -c '
        for name do
            [ ! -f "$name" ] || [ -h "$name" ] || printf "%s\\0" "$name"
        done' files |
        within "$1" xargs -0r md5sum -- 2>>"$LISTS/errors" | awk '{
            if (sub(/^\\/, "")) {
                gsub(/\\\\/, "\\134")
                gsub(/\\r/, "\\015")
                print unescaped(substr($0, 1, 32) "\t" substr($0, 35), "\\")
            } else print substr($0, 1, 32) "\t" substr($0, 35)
        }'"$unescaped"
}

# sums_side_by_side DIRECTORY: the same by several readers.
sums_side_by_side() {
    local at_work reader code
    rsync_options
    dealt_out summed
    at_work=''
    for reader in $readers; do
        sums_of "$1" <"$LISTS/summed.$reader" >"$LISTS/sums.$reader" &
        at_work="$at_work $!"
    done
    wait $at_work
    rm -f "$LISTS"/summed.*
    for reader in $readers; do echo "$LISTS/sums.$reader"; done | zero | xargs -0 sort -m
    code=$?
    rm -f "$LISTS"/sums.[1-9]
    return $code
}

# sums_of_copy DIRECTORY NAMES FILE: of files. What cannot be read counts as zeros to rsync, which says nothing of it;
# cat does.
sums_of_copy() {
    local reading
    rsync_options
    [ $checksum = md5 ] || zero <"$2" | within "$1" xargs -0r cat -- 2>>"$LISTS/errors" >/dev/null &
    reading=$!
    sums_side_by_side "$1" <"$2" >"$3"
    wait $reading || {
        unreadable "$1" <"$2" >"$LISTS/unreadable" && not_of_names "$LISTS/unreadable" "$3" >"$3.read"
        mv "$3.read" "$3"
    }
}

# unreadable DIRECTORY: of the names that come in.
unreadable() {
    zero | within "$1" xargs -0r sh -c '
        for name do
            cat -- "$name" >/dev/null 2>&1 || printf "%s\n" "$name" || exit 255
        done' files
}
