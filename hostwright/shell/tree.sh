# Copies a tree and proves the copy, most of both while people work in it. What changed since is known by ctime, size and
# inode: rsync's rule of size and mtime overlooks what was mapped, and whose mtime was set back.
# A name that holds a newline has no line in our lists: such names are odd, few, and wait for the last pass.

inner_options='' checksum=md5 newline='
'

# rsync compares whole seconds unless told otherwise, and older ones cannot be told; nor which checksum, it is MD5 there.
rsync_options() {
    [ -n "$inner_options" ] && return
    inner_options='-lptgoD -HAXS --numeric-ids --force -8'
    if rsync --modify-window=-1 --version >/dev/null 2>&1; then inner_options="$inner_options --modify-window=-1"; fi
    # To the second: cp sets the rest.
    if rsync --atimes --version >/dev/null 2>&1; then inner_options="$inner_options --atimes"; fi
    # Several times as fast as MD5, also where wide registers are slow; and those that know it print what --checksum found.
    if rsync --version 2>/dev/null | grep -qw xxh64; then checksum=xxh64; fi
    if rsync --checksum-choice=$checksum --version >/dev/null 2>&1; then inner_options="$inner_options --checksum-choice=$checksum"; fi
}

# is_mounted DIRECTORY MAJOR:MINOR: an empty mount point copied with deletion would be the end of the copy.
is_mounted() { [ "$(device_at "$1")" = "$2" ] || why "$1 is not the file system it should be: nothing is copied"; }

used_bytes() { stat -f -c '%S %b %f' "$1" | awk '{ printf "%.0f\n", $1 * ($2 - $3) }'; }

sectors_read() { awk '{ printf "%.0f\n", $3 * 512 }' "/sys/dev/block/$1/stat"; }

# -- lists of entries

# entries DIRECTORY: INODE CTIME SIZE KIND MODE USER GROUP LINKS MTIME ATIME BLOCKS<TAB>NAME
entries() {
    (cd "$1" && find . -xdev -path "*$newline*" -fprint0 "$LISTS/odd.${1##*/}" -o -printf '%i %C@ %s %y %m %U %G %n %T@ %A@ %b\t%p\n')
}

# has_odd DIRECTORY: there were odd names when its entries were listed last.
has_odd() { [ -s "$LISTS/odd.${1##*/}" ]; }

odd_names() { find . -xdev -path "*$newline*" "$@" -print0 | sort -z; }

# linked_to_odd DIRECTORY ENTRIES: names of files that have an odd one, too: all names of a file are copied together.
linked_to_odd() {
    has_odd "$1" || return 0
    (cd "$1" && find . -xdev -path "*$newline*" -type f -links +1 -printf '%i\n') |
        awk 'NR == FNR { odd[$1] = 1; next } $1 in odd' - "$2" | names
}

names() { cut -f 2-; }

zero() { tr '\n' '\0'; }

# keys ENTRIES: what tells an entry that changed from one that did not.
keys() { awk '{ print $1, $2, $3, $4 substr($0, index($0, "\t")) }' "$1" | sort; }

# looks ENTRIES: what a copy of an entry has in common with it. Directories have sizes and link counts of their own.
looks() { awk '{ print $4, $5, $6, $7, ($4 == "d" ? "" : $8 " " $3), $9, $10 substr($0, index($0, "\t")) }' "$1" | sort; }

# of_names NAMES FILE, not_of_names NAMES FILE: the lines of FILE by whether their name is in NAMES.
of_names() { awk -v list="$1" "$wanted"' substr($0, index($0, "\t") + 1) in wanted' "$2"; }
not_of_names() { awk -v list="$1" "$wanted"' !(substr($0, index($0, "\t") + 1) in wanted)' "$2"; }
wanted='BEGIN { while ((getline name <list) > 0) wanted[name] = 1 }'

# Files with at least 64 MiB of holes; reading them through could take for ever.
holey() { awk '$4 == "f" && $11 * 512 + 67108864 <= $3' "$1"; }
plain() { awk '$4 == "f" && $11 * 512 + 67108864 > $3' "$1"; }

regular() { awk '$4 == "f"' "$1" | names; }
irregular() { awk '$4 != "f"' "$1" | names; }

bytes_of() { awk '{ bytes += $11 * 512 } END { printf "%.0f\n", bytes }' "$1"; }

# either: the names in two sorted lists that have not the same line in both.
either() { comm -3 "$1" "$2" | sed 's/^\t//' | names; }

# unescaped: awk's function that turns \OCTAL after MARK into the byte it stands for.
unescaped='function unescaped(text, mark,   at, out, digits) {
    while (at = index(text, mark)) {
        digits = substr(text, at + length(mark), 3)
        out = out substr(text, 1, at - 1)
        if (digits ~ /^[0-3][0-7][0-7]$/) out = out sprintf("%c", substr(digits, 1, 1) * 64 + substr(digits, 2, 1) * 8 + substr(digits, 3))
        else out = out mark digits
        text = substr(text, at + length(mark) + 3)
    }
    return out text
}'

# -- copying

# copy_holey SOURCE TARGET: the names that come in. cp knows holes, rsync reads them.
copy_holey() {
    (cd "$1" && zero | xargs -0r -n 1 sh -c '
        [ "$(stat -c "%s %Y" "$2")" = "$(stat -c "%s %Y" "$1/$2" 2>/dev/null)" ] || cp -a --parents --sparse=always -- "$2" "$1"
    ' copy "$2") 2>"$RUN/out" || [ "$live" = yes ] || why "cp: $(tail -n 1 "$RUN/out")"
}

# run_rsync OPTION...: the sums of the files that it carried, with their names, go to $LISTS/carried.
run_rsync() {
    rsync_options
    until_unstuck carry "$@"
    case "$code $live" in
        0\ * | 24\ yes | 23\ yes) return 0 ;; # what vanished or changed while people worked is copied again later
    esac
    sed 's/^/    /' "$RUN/out" | tail -n 15
    why "rsync ended with $code: $(grep -v '^ *$' "$RUN/out" | grep -v '^rsync error' | tail -n 1)"
}

carry() {
    rsync $inner_options --out-format='%C %n' "$@" >"$LISTS/carried" 2>"$RUN/out" &
    carrier=$!
    wait "$carrier"
    code=$? carrier=''
}

# until_unstuck COMMAND...: again, if unstick had to end something of it.
until_unstuck() {
    attempt=0
    while
        attempt=$((attempt + 1))
        : >"$LISTS/stuck"
        "$@"
        [ -s "$LISTS/stuck" ] && [ $attempt -lt 5 ]
    do :; done
}

# unstick: what was a file when it was listed may be a pipe when it is opened, and that waits for ever. Ends what of ours
# does so, as long as people work in home.
unstick() {
    trap - HUP INT TERM
    while sleep 2 && kill -0 $$ 2>/dev/null; do
        for waiting in $(grep -lE 'wait_for_partner|fifo' /proc/[0-9]*/wchan 2>/dev/null); do
            waiting=${waiting%/wchan}
            [ "$(awk '{ sub(/^.*\) /, ""); print $3 }' "$waiting/stat" 2>/dev/null)" = $$ ] || continue
            echo yes >"$LISTS/stuck"
            kill "${waiting#/proc/}" 2>/dev/null
        done
    done
}

# carried_sums: SUM<TAB>NAME of rsync's lines; a sum of zeros is that of a file it could not open.
carried_sums() {
    awk "$unescaped"' /^[0-9a-f]+ / && $1 ~ /[^0]/ && length($1) >= 16 { print $1 "\t./" unescaped(substr($0, length($1) + 2), "\\#") }'
}

# bulk ENTRIES: those that cp copies with all that is known of them, of no more than $most bytes; rest ENTRIES: the others.
bulk() { awk -v most="$most" "$is_bulk" "$1"; }
rest() { awk -v most="$most" "!($is_bulk)" "$1"; }
is_bulk='$8 == 1 && ($4 == "l" || $4 == "f" && $11 * 512 >= $3 && $3 <= most + 0)'

# copy_bulk SOURCE TARGET ENTRIES: about twice as fast as rsync. Part by part, each so small that it is still in memory
# when its sums are taken; that, and its way to the disk, while the next one is copied. The directories are there; what
# goes wrong here is seen when the copy is compared.
copy_bulk() {
    rm -f "$LISTS"/part.*
    awk -v part="$LISTS/part." -v most="$most" '{
        bytes += $3
        at = part int(bytes / (most < 268435456 ? most + 1 : 268435456))
        if (at != last) { close(last); last = at }
        print >at
    }' "$3"
    settling=''
    for part in "$LISTS"/part.*; do
        [ -e "$part" ] || break
        names <"$part" | dealt_out copied
        until_unstuck copy_side_by_side "$1" "$2"
        [ -z "$settling" ] || wait $settling
        { sync -f "$2" || sync; } 2>/dev/null &
        settling=$!
        regular "$part" | sums_side_by_side "$1" >>"$LISTS/sums.bulk" &
        settling="$settling $!"
    done
    [ -z "$settling" ] || wait $settling
}

copy_side_by_side() {
    at_work=''
    for reader in $readers; do
        copy_entries "$1" "$2" <"$LISTS/copied.$reader" &
        at_work="$at_work $!"
    done
    wait $at_work
}

# Small files are waited for one by one: two processors have done with one long before the disk has found the next.
readers='1 2 3 4'

# dealt_out LIST: the names that come in by turns to $LISTS/LIST.1 and so on, a list for each reader.
dealt_out() {
    awk -v list="$LISTS/$1." -v readers="$readers" '
        BEGIN { count = split(readers, reader, " "); for (i in reader) printf "" >(list reader[i]) }
        { print >(list reader[NR % count + 1]) }'
}

copy_entries() { (cd "$1" && zero | xargs -0r cp -a --remove-destination --parents -t "$2" --) >/dev/null 2>&1; }

# copy_all SOURCE TARGET ENTRIES: TARGET becomes like SOURCE, but for flags and project IDs.
copy_all() {
    holey "$3" | not_through_links "$2" | names | copy_holey "$1" "$2" || return 1
    : >"$LISTS/sums.bulk"
    if [ "$pass" -eq 1 ]; then
        most=$(awk '/^MemAvailable/ { printf "%.0f", $2 * 128 }' /proc/meminfo)
        { rest "$3" | names | grep -vx '\.' | zero && (cd "$1" && odd_names); } >"$LISTS/list"
        run_rsync -d --exclude='*' "$1/" "$2/" && run_rsync -d -0 --files-from="$LISTS/list" "$1/" "$2/" || return 1
        bulk "$3" | not_through_links "$2" >"$LISTS/bulk"
        copy_bulk "$1" "$2" "$LISTS/bulk"
    else
        run_rsync -r --delete --delete-delay "$1/" "$2/" || return 1
    fi
    carried_sums <"$LISTS/carried" | sort - "$LISTS/sums.bulk" >"$LISTS/sums"
    entries "$2" >"$LISTS/there" 2>/dev/null
    in_both "$3" "$LISTS/there" >"$LISTS/both"
    if [ "$pass" -eq 1 ]; then
        rest "$LISTS/both" >"$LISTS/untimed"
    else
        mv "$LISTS/both" "$LISTS/untimed"
        awk '$4 == "l" && $8 == 1' "$LISTS/untimed" | names | copy_entries "$1" "$2"
    fi
    regular "$LISTS/untimed" | copy_times_of_files "$1" "$2" && copy_times_of_directories "$1" "$2" &&
        awk '$4 !~ /[dfl]/ || $4 == "l" && $8 > 1' "$LISTS/untimed" | names | copy_times_of_others "$1" "$2"
}

# not_through_links DIRECTORY: of the entries that come in, those whose path there leads over no symbolic link. Who swaps a
# directory for a link between two looks could have us write where that leads.
not_through_links() {
    (cd "$1" && find . -xdev -type l ! -path "*$newline*") >"$LISTS/links.there"
    awk -v list="$LISTS/links.there" '
        BEGIN { while ((getline name <list) > 0) link[name] = 1 }
        { name = substr($0, index($0, "\t") + 1); while (sub(/\/[^\/]*$/, "", name)) if (name in link) next; print }'
}

# in_both SOURCE-ENTRIES TARGET-ENTRIES: those that are of the same kind in the target. What has become something else
# meanwhile is not touched: to open a pipe would wait for ever, and a link could lead out of the tree.
in_both() { awk '{ key = $4 substr($0, index($0, "\t")) } NR == FNR { there[key] = 1; next } key in there' "$2" "$1"; }

# What is no directory is left alone (-n). Newer ones call that a failure, so nothing is made of it: what they did is looked at.
copy_times_of_directories() { (cd "$1" && cp -r -n --attributes-only --preserve=timestamps . "$2/") >/dev/null 2>&1 || :; }

copy_times_of_files() {
    (cd "$1" && zero | xargs -0r cp --attributes-only --preserve=timestamps --parents -t "$2" --) 2>"$RUN/out" ||
        [ "$live" = yes ] || why "times: $(tail -n 1 "$RUN/out")"
}

copy_times_of_others() { zero | times_one_by_one "$1" "$2"; }

times_one_by_one() {
    (cd "$1" && xargs -0r -I '{}' touch -h -r '{}' -- "$2/{}") 2>"$RUN/out" ||
        [ "$live" = yes ] || why "times: $(tail -n 1 "$RUN/out")"
}

# copy_again SOURCE TARGET ENTRIES: brings a copy up to date. For a source that nobody can change any more, and a target that
# nobody else sees. Of the lists of names, `again` are copied, `gone` are no more, and `times` have theirs set again.
copy_again() {
    (cd "$2" && zero <"$LISTS/gone" | xargs -0r rm -rf --) 2>"$RUN/out" || { why "rm: $(tail -n 1 "$RUN/out")"; return 1; }
    ! has_odd "$2" || (cd "$2" && odd_names | xargs -0r sh -c 'source=$0; for name do [ -e "$source/$name" ] || [ -h "$source/$name" ] || rm -rf -- "$name"; done' "$1") ||
        { why "names with a newline could not be removed"; return 1; }
    holey "$LISTS/again.entries" | names >"$LISTS/holey"
    {
        not_of_names "$LISTS/holey" "$LISTS/again.entries" | names | grep -vx '\.' | zero
        ! has_odd "$1" || (cd "$1" && odd_names)
    } >"$LISTS/list"
    run_rsync -d --exclude='*' "$1/" "$2/" && run_rsync -I -0 --files-from="$LISTS/list" "$1/" "$2/" || return 1
    if [ -s "$LISTS/holey" ]; then
        (cd "$2" && zero <"$LISTS/holey" | xargs -0r rm -rf --) && copy_holey "$1" "$2" <"$LISTS/holey" || return 1
        zero <"$LISTS/holey" >"$LISTS/list"
        run_rsync -0 --files-from="$LISTS/list" "$1/" "$2/" || return 1
    fi
    of_names "$LISTS/times" "$3" >"$LISTS/times.entries"
    regular "$LISTS/times.entries" | copy_times_of_files "$1" "$2" &&
        irregular "$LISTS/times.entries" | sort -r | copy_times_of_others "$1" "$2" &&
        { ! has_odd "$1" || (cd "$1" && odd_names) | times_one_by_one "$1" "$2"; }
}

# parents: of the names that come in.
parents() { sed 's|/[^/]*$||' | sort -u; }

# -- flags and project IDs, which rsync leaves behind

# marks: an awk program that turns lsattr's lines into "PROJECT FLAGS<TAB>NAME" where there is any. Only flags that a person
# sets: the others (extents, index, inline data) are the file system's own affair.
marks='{
    sub(/^ +/, ""); project = 0
    if ($1 ~ /^[0-9]+$/) { project = $1; sub(/^[0-9]+ +/, "") }
    flags = $1; at = index($0, " "); gsub(/[-eINhEV]/, "", flags)
    if (project != 0 || flags != "") print project " " flags "\t" substr($0, at + 1)
}'
projects_option() { if lsattr -pd / >/dev/null 2>&1; then echo p; fi; }

# marks_of DIRECTORY ENTRIES
marks_of() {
    awk '$4 == "f" || $4 == "d"' "$2" | names | (cd "$1" && zero | xargs -0r lsattr "-d$(projects_option)" --) 2>>"$RUN/errors" | awk "$marks" | sort
}

# each_odd COMMAND [ARGUMENT]: for each odd name below here that has a mark, with $project, $flags and $name set; $target is
# the argument. One process a name, so that thousands of them stay bearable.
each_odd() {
    has_odd source || return 0
    odd_names \( -type f -o -type d \) | xargs -0r sh -c '
        target=$1 option=$2
        shift 2
        for name do
            mark=$(lsattr "-d$option" -- "$name") || exit 255
            mark=${mark%% ./*} project=0
            mark=${mark##"${mark%%[! ]*}"}
            case $mark in [0-9]*) project=${mark%% *} mark=${mark##* } ;; esac
            case $project$mark in 0*[!-eINhEV]* | [1-9]*) ;; *) continue ;; esac
            flags=$(printf %s "$mark" | tr -d -- -eINhEV)
            '"$1"'
        done' odd "${2-}" "$(projects_option)"
}

# different MARKS FIELD: the different projects (1) or flags (2) in a list of marks.
different() { cut -f 1 "$1" | cut -d ' ' -f "$2" | sort -u | grep -v '^0*$'; }

# marked MARKS PATTERN: the names whose mark has it.
marked() { sed -n "s/^$2\t//p" "$1" | zero; }

# set_marks SOURCE TARGET MARKS: flags come last, for they forbid.
set_marks() {
    cd "$2" || return 1
    for project in $(different "$3" 1); do
        marked "$3" "$project [^\t]*" | xargs -0r chattr -p "$project" -- 2>"$RUN/out" || { cd /; why "project IDs: $(tail -n 1 "$RUN/out")"; return 1; }
    done
    (cd "$1" && each_odd '[ "$project" = 0 ] || chattr -p "$project" -- "$target/$name" || exit 255' "$2") 2>"$RUN/out" ||
        { cd /; why "project IDs: $(tail -n 1 "$RUN/out")"; return 1; }
    for flags in $(different "$3" 2); do
        marked "$3" "[0-9]* $flags" | xargs -0r chattr "+$flags" -- 2>"$RUN/out" || { cd /; why "flags: $(tail -n 1 "$RUN/out")"; return 1; }
    done
    cd /
    (cd "$1" && each_odd '[ -z "$flags" ] || chattr "+$flags" -- "$target/$name" || exit 255' "$2") 2>"$RUN/out" || why "flags: $(tail -n 1 "$RUN/out")"
}

# clear_flags DIRECTORY: what is immutable could not be copied again, and what is made in a marked directory inherits.
clear_flags() { chattr -R -f -aAcdDijsStTu "$1" >/dev/null 2>&1 || :; }

# -- comparing

# sums_of DIRECTORY: SUM<TAB>NAME of the names that come in, and still are files: to open a pipe would wait for ever.
sums_of() {
    rsync_options
    case $checksum in
        xxh64) zero | rsync -n -c --checksum-choice=xxh64 -0 --files-from=- --out-format='%C %n' "$1/" "$LISTS/nothing/" 2>>"$RUN/errors" | carried_sums ;;
        md5) md5_sums "$1" ;;
    esac | sort
}

md5_sums() {
    (cd "$1" && zero | xargs -0r sh -c 'for name do [ ! -f "$name" ] || [ -h "$name" ] || printf "%s\\0" "$name"; done' files | xargs -0r md5sum --) 2>>"$RUN/errors" | awk '{
        if (sub(/^\\/, "")) { gsub(/\\\\/, "\\134"); gsub(/\\r/, "\\015"); print unescaped(substr($0, 1, 32) "\t" substr($0, 35), "\\") }
        else print substr($0, 1, 32) "\t" substr($0, 35)
    }'"$unescaped"
}

# sums_side_by_side DIRECTORY: the same by several readers.
sums_side_by_side() {
    rsync_options
    dealt_out summed
    at_work=''
    for reader in $readers; do
        sums_of "$1" <"$LISTS/summed.$reader" >"$LISTS/sums.$reader" &
        at_work="$at_work $!"
    done
    wait $at_work
    for reader in $readers; do echo "$LISTS/sums.$reader"; done | zero | xargs -0 sort -m
}

# sums_of_copy DIRECTORY ENTRIES: of the names of files that come in, and are files in those entries of the copy. What
# cannot be read counts as zeros to rsync, which says nothing of it; cat does.
sums_of_copy() {
    sort >"$LISTS/read.names"
    of_names "$LISTS/read.names" "$2" >"$LISTS/read"
    rsync_options
    [ $checksum = md5 ] || (cd "$1" && regular "$LISTS/read" | zero | xargs -0r cat --) 2>>"$RUN/errors" >/dev/null &
    reading=$!
    regular "$LISTS/read" | sums_side_by_side "$1" >"$LISTS/sums.read"
    : >"$LISTS/unreadable"
    wait $reading || unreadable "$1" "$LISTS/read" >"$LISTS/unreadable"
    not_of_names "$LISTS/unreadable" "$LISTS/sums.read"
}

unreadable() { (cd "$1" && regular "$2" | zero | xargs -0r sh -c 'for name do cat -- "$name" >/dev/null 2>&1 || printf "%s\n" "$name"; done' files); }

# one_name_each ENTRIES SUMS: of each file one name, into $LISTS/known with its sum if rsync carried it, else into $LISTS/unknown.
one_name_each() {
    : >"$LISTS/known"
    : >"$LISTS/unknown"
    {
        plain "$1" | awk '{ print substr($0, index($0, "\t") + 1) "\tE " $1 " " $8 }'
        awk '{ print substr($0, length($1) + 2) "\tS " $1 }' "$2"
    } | sort | awk -v known="$LISTS/known" -v unknown="$LISTS/unknown" '
        function settle() {
            if (!open || (inode in seen)) { open = 0; return }
            open = 0
            if (sum == "" && links > 1) { if (!(inode in waiting)) waiting[inode] = name; return }
            if (links > 1) seen[inode] = 1
            if (sum != "") print sum "\t" name >known; else print name >unknown
        }
        {
            match($0, /\t[ES] [^\t]*$/)
            this = substr($0, 1, RSTART - 1); split(substr($0, RSTART + 1), part, " ")
            if (part[1] == "E") { settle(); open = 1; name = this; inode = part[2]; links = part[3]; sum = "" }
            else if (open && this == name) sum = part[2]
        }
        END { settle(); for (inode in waiting) if (!(inode in seen)) print waiting[inode] >unknown }'
}

# attributes_of DIRECTORY: NAME=VALUE...<TAB>NAME of the names that come in and have any extended attributes.
attributes_of() {
    (cd "$1" && zero | xargs -0r getfattr -h -d -m - -e hex --absolute-names --) 2>>"$RUN/errors" |
        awk "$unescaped"' BEGIN { RS = ""; FS = "\n" } {
            line = ""
            for (i = 2; i <= NF; i++) line = line " " $i
            print substr(line, 2) "\t" unescaped(substr($1, 9), "\\")
        }' | sort
}

# data_ranges FILE: offset and length of what is not a hole, near ones joined; fails where the file system cannot tell.
data_ranges() {
    filefrag -v -b1024 "$1" >"$LISTS/extents" 2>/dev/null || return 1
    tr -d : <"$LISTS/extents" | awk '
        $1 ~ /^[0-9]+$/ && $2 ~ /^[0-9]+\.\.$/ {
            from = $2 + 0; to = $3 + 0
            if (known && from <= end + 1024) { end = to; next }
            if (known) printf "%.0f %.0f\n", start * 1024, (end - start + 1) * 1024
            start = from; end = to; known = 1
        }
        END { if (known) printf "%.0f %.0f\n", start * 1024, (end - start + 1) * 1024 }'
}

same_ranges() {
    while read -r offset length; do
        cmp -s -i "$offset" -n "$length" -- "$1" "$2" || return 1
    done
}

# unlike_holey SOURCE TARGET: the names, of those that come in, whose data differ where either has any; holes read as zeros.
unlike_holey() {
    while IFS= read -r name; do
        if [ ! -f "$1/$name" ] || [ ! -f "$2/$name" ]; then printf '%s\n' "$name"
        elif { data_ranges "$1/$name" && data_ranges "$2/$name"; } >"$LISTS/ranges"; then
            same_ranges "$1/$name" "$2/$name" <"$LISTS/ranges" || printf '%s\n' "$name"
        else
            cmp -s -- "$1/$name" "$2/$name" || printf '%s\n' "$name"
        fi
    done
}

# unlike SOURCE TARGET ENTRIES SUMS: the names of those entries whose contents or extended attributes differ. SUMS are known.
unlike() {
    one_name_each "$3" "$4"
    names <"$3" | attributes_of "$1" >"$LISTS/attributes.source" &
    of_source=$!
    names <"$3" | attributes_of "$2" >"$LISTS/attributes.copy" &
    of_copy=$!
    { cat "$LISTS/known" && sums_of "$1" <"$LISTS/unknown"; } | sort >"$LISTS/sums.source"
    { names <"$LISTS/known" && cat "$LISTS/unknown"; } | sums_of_copy "$2" "$LISTS/there" >"$LISTS/sums.copy"
    wait $of_source $of_copy
    either "$LISTS/sums.source" "$LISTS/sums.copy"
    # What could be read on neither side is like nothing.
    names <"$LISTS/sums.copy" | sort | comm -13 - "$LISTS/read.names"
    either "$LISTS/attributes.source" "$LISTS/attributes.copy"
    holey "$3" | names | unlike_holey "$1" "$2"
}

# filled SOURCE-ENTRIES TARGET: a file that had holes of 1 MiB or more, and has none any more.
filled() {
    [ "$KIND" != btrfs ] || return 0 # compression makes any file look sparse
    awk '$4 == "f" && $11 * 512 + 1048576 <= $3' "$1" | names | (cd "$2" && zero | xargs -0r stat -c '%b %s %n' --) 2>/dev/null |
        awk '$1 * 512 >= $2 { print; exit }'
}

# links_of ENTRIES: which names are the same file.
links_of() {
    awk '$4 != "d" && $8 > 1' "$1" | sort -t "$(printf '\t')" -k 2 |
        awk '!($1 in group) { group[$1] = ++groups } { print group[$1] substr($0, index($0, "\t")) }'
}

# special DIRECTORY ENTRIES: where symbolic links lead, which devices nodes mean, and all there is to odd names.
special() {
    cd "$1" || return 1
    awk '$4 == "l"' "$2" | names | sort | zero | xargs -0r sh -c 'find "$@" -maxdepth 0 -printf "%l\t%p\0"' links
    awk '$4 == "b" || $4 == "c"' "$2" | names | sort | zero | xargs -0r stat --printf '%t:%T %n\0'
    if has_odd "$1"; then special_odd; fi
    cd /
}

special_odd() {
    odd_names -type l -printf '%l\t%p\0'
    odd_names \( -type b -o -type c \) | xargs -0r stat --printf '%t:%T %n\0'
    find . -xdev -path "*$newline*" -type d -printf '%m %U %G %T@ %A@\t%p\0' -o -path "*$newline*" -printf '%y %m %U %G %n %s %T@ %A@\t%p\0' | sort -z
    odd_names -type f | xargs -0r md5sum --
    odd_names | xargs -0r getfattr -h -d -m - -e hex --absolute-names --
    each_odd 'printf "%s %s\t%s\0" "$project" "$flags" "$name"' | sort -z
}
