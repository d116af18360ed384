# Copies a tree and proves the copy: what rsync carries, then times, flags and project IDs, then a comparison from disk.

inner_options='' unchecked=''

# rsync compares whole seconds unless told otherwise, and older ones cannot be told.
rsync_options() {
    [ -n "$inner_options" ] && return
    inner_options='-aHAXS --numeric-ids --delete --delete-delay'
    if rsync --modify-window=-1 --version >/dev/null 2>&1; then inner_options="$inner_options --modify-window=-1"; fi
    # Its own checksums would only repeat what the comparison proves, from disk.
    if rsync --checksum-choice=none --version >/dev/null 2>&1; then unchecked=--checksum-choice=none; fi
}

# is_mounted DIRECTORY MAJOR:MINOR: an empty mount point copied with deletion would be the end of the copy.
is_mounted() { [ "$(device_at "$1")" = "$2" ] || why "$1 is not the file system it should be: nothing is copied"; }

used_bytes() { stat -f -c '%S %b %f' "$1" | awk '{ printf "%.0f\n", $1 * ($2 - $3) }'; }

sectors_read() { awk '{ printf "%.0f\n", $3 * 512 }' "/sys/dev/block/$1/stat"; }

# A NUL-separated list as lines, so that awk can read it; names with a byte 1 never come through here.
to_lines() { tr '\n\0' '\001\n'; }
from_lines() { tr '\001\n' '\n\0'; }
one=$(printf '\001')

# Files with at least 64 MiB of holes; reading them through could take for ever.
holey_files() {
    find . -xdev -type f -size +131072 ! -path "*$one*" -printf '%b %s %p\0' | to_lines |
        awk '$1 * 512 + 67108864 <= $2 { sub(/^[0-9]+ [0-9]+ /, ""); print }' | from_lines
}

plain_files() {
    find . -xdev -type f ! -path "*$one*" -printf '%b %s %p\0' | to_lines |
        awk '$1 * 512 + 67108864 > $2 || $2 <= 67108864 { sub(/^[0-9]+ [0-9]+ /, ""); print }' | from_lines
    find . -xdev -type f -path "*$one*" -print0
}

# copy_tree SOURCE TARGET [OPTION...]: TARGET becomes like SOURCE, except what set_attributes does.
copy_tree() {
    source=$1 target=$2
    shift 2
    rsync_options
    cd "$source" || return 1
    # cp knows holes, rsync reads them. It comes first: what it has copied rsync finds unchanged.
    holey_files | xargs -0r -n 1 sh -c '
        [ "$(stat -c "%s %Y" "$2")" = "$(stat -c "%s %Y" "$1/$2" 2>/dev/null)" ] || cp -a --parents --sparse=always -- "$2" "$1"
    ' copy "$target" || { cd /; why "cp could not copy a sparse file"; return 1; }
    cd /
    case " $* " in *" --checksum "*) unchecked='' ;; esac
    rsync $inner_options $unchecked "$@" "$source/" "$target/" >"$RUN/out" 2>&1 9>&-
    code=$?
    case "$code $live" in
        0\ * | 24\ yes | 23\ yes) return 0 ;; # what vanished or changed while people worked is copied again later
    esac
    sed 's/^/    /' "$RUN/out" | tail -n 15
    why "rsync ended with $code: $(grep -v '^ *$' "$RUN/out" | grep -v '^rsync error' | tail -n 1)"
}

newline='
'
# marks: an awk program that turns lsattr's lines into "PROJECT FLAGS<TAB>PATH" where there is any. Only flags that a person
# sets: the others (extents, index, inline data) are the file system's own affair.
marks='{
    sub(/^ +/, ""); project = 0
    if ($1 ~ /^[0-9]+$/) { project = $1; sub(/^[0-9]+ +/, "") }
    flags = $1; at = index($0, " "); gsub(/[-eINhEV]/, "", flags)
    if (project != 0 || flags != "") print project " " flags "\t" substr($0, at + 1)
}'
projects_option() { if lsattr -pd / >/dev/null 2>&1; then echo p; fi; }

# Names that fit in a line, all at once.
plain_marks() {
    find . -xdev \( -type f -o -type d \) ! -path "*$newline*" ! -path "*$one*" -print0 |
        xargs -0r lsattr "-d$(projects_option)" -- | awk "$marks"
}

# each_odd COMMAND [ARGUMENT]: for each of the other names that has a mark, with $project, $flags and $name set; $target is
# the argument. One process a name, so that thousands of them stay bearable.
each_odd() {
    find . -xdev \( -type f -o -type d \) \( -path "*$newline*" -o -path "*$one*" \) -print0 | xargs -0r sh -c '
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

# marks_as FIELD: the different projects (1) or flags (2) in the list of marks.
marks_as() { cut -f 1 "$RUN/marked" | cut -d ' ' -f "$1" | sort -u | grep -v '^0*$'; }

# marked_with PATTERN: the entries whose mark has it.
marked_with() { sed -n "s/^$1\t//p" "$RUN/marked" | tr '\n' '\0'; }

entry_times() { find . -xdev ! -type f ! -path "*$one*" -printf '%T@ %A@\t%p\0' | to_lines; }

# set_attributes SOURCE TARGET: access times, flags and project IDs, which rsync leaves behind. Flags come last: they forbid.
set_attributes() {
    cd "$1" || return 1
    find . -xdev -type f -print0 | xargs -0r cp --attributes-only --preserve=timestamps --parents -t "$2" -- 9>&- 2>"$RUN/out" ||
        { cd /; why "times: $(tail -n 1 "$RUN/out")"; return 1; }
    plain_marks >"$RUN/marked" 2>"$RUN/out" && [ ! -s "$RUN/out" ] || { cd /; why "flags: $(tail -n 1 "$RUN/out")"; return 1; }
    cd "$2" || return 1
    for project in $(marks_as 1); do
        marked_with "$project [^\t]*" | xargs -0r chattr -p "$project" -- 2>"$RUN/out" || { cd /; why "project IDs: $(tail -n 1 "$RUN/out")"; return 1; }
    done
    cd "$1" || return 1
    each_odd '[ "$project" = 0 ] || chattr -p "$project" -- "$target/$name" || exit 255' "$2" 2>"$RUN/out" ||
        { cd /; why "project IDs: $(tail -n 1 "$RUN/out")"; return 1; }
    cd /
    # Links, directories and special files whose times still differ, found in one sweep; touch takes them one by one.
    (cd "$1" && entry_times) | sort >"$RUN/times.source"
    {
        (cd "$2" && entry_times) | sort | comm -23 "$RUN/times.source" - | sed 's/^[^\t]*\t//' | from_lines
        (cd "$1" && find . -xdev ! -type f -path "*$one*" -print0)
    } | (cd "$1" && xargs -0r -I '{}' touch -h -r '{}' -- "$2/{}") 2>"$RUN/out" || { why "times: $(tail -n 1 "$RUN/out")"; return 1; }
    cd "$2" || return 1
    for flags in $(marks_as 2); do
        marked_with "[0-9]* $flags" | xargs -0r chattr "+$flags" -- 2>"$RUN/out" || { cd /; why "flags: $(tail -n 1 "$RUN/out")"; return 1; }
    done
    cd "$1" || return 1
    each_odd '[ -z "$flags" ] || chattr "+$flags" -- "$target/$name" || exit 255' "$2" 2>"$RUN/out" ||
        { cd /; why "flags: $(tail -n 1 "$RUN/out")"; return 1; }
    cd /
}

# clear_flags DIRECTORY: what is immutable could not be copied again.
clear_flags() { chattr -R -f -ia "$1" >/dev/null 2>&1 || :; }

# describe DIRECTORY: everything that must survive, in an order that does not depend on the disk.
describe() {
    cd "$1" || return 1
    find . -xdev -type d -printf '%y %m %U %G %T@ %A@\t%p\0' -o -type f -printf '%y %m %U %G %n %s %T@ %A@\t%p\0' \
        -o -printf '%y %m %U %G %n %T@ %A@ %l\t%p\0' | sort -z
    find . -xdev \( -type b -o -type c \) -print0 | sort -z | xargs -0r stat --printf '%t:%T %n\0'
    find . -xdev ! -type d -links +1 -printf '%i\t%p\0' | to_lines | sort -t "$(printf '\t')" -k 2 |
        awk '{ at = index($0, "\t"); inode = substr($0, 1, at - 1); if (!(inode in group)) group[inode] = ++groups; print group[inode] substr($0, at) }'
    find . -xdev -print0 | sort -z | xargs -0r getfattr -h -d -m - -e hex --absolute-names --
    plain_marks | sort
    each_odd 'printf "%s %s\t%s\0" "$project" "$flags" "$name"' | sort -z
    gzip -dc "$RUN/plain.gz" | xargs -0r sha256sum --
    cd /
}

# proof SIDE DIRECTORY MAJOR:MINOR TOTAL: writes SIDE.gz; nothing may go wrong in any of its commands.
proof() {
    watch "reading $1" "$4" sectors_read "$3"
    describe "$2" 2>"$RUN/errors" 9>&- | gzip -1 -n >"$RUN/$1.gz"
    unwatch
    [ ! -s "$RUN/errors" ] || why "reading $1: $(tail -n 1 "$RUN/errors")"
}

# data_ranges FILE: offset and length of what is not a hole, near ones joined; fails where the file system cannot tell.
data_ranges() {
    filefrag -v -b1024 "$1" >"$RUN/extents" 2>/dev/null || return 1
    tr -d : <"$RUN/extents" | awk '
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

# same_holey SOURCE TARGET: the sparse files compared where either has data; elsewhere both read as zeros.
same_holey() {
    cd "$1" || return 1
    holey_files >"$RUN/holey"
    cd /
    to_lines <"$RUN/holey" | while IFS= read -r line; do
        name=$(printf '%s.' "$line" | tr '\001' '\n') name=${name%.}
        if { data_ranges "$1/$name" && data_ranges "$2/$name"; } >"$RUN/ranges"; then
            same_ranges "$1/$name" "$2/$name" <"$RUN/ranges" || { printf '%s\n' "$name"; exit 1; }
        else
            cmp -s -- "$1/$name" "$2/$name" || { printf '%s\n' "$name"; exit 1; }
        fi
    done >"$RUN/out" || why "contents differ: $(tail -n 1 "$RUN/out")"
}

# stays_sparse SOURCE TARGET: a file that had holes of 1 MiB or more still has some.
stays_sparse() {
    cd "$1" || return 1
    find . -xdev -type f -size +2048 -printf '%b %s %p\0' | to_lines | awk '$1 * 512 + 1048576 <= $2 { sub(/^[0-9]+ [0-9]+ /, ""); print }' |
        from_lines | (cd "$2" && xargs -0r stat -c '%b %s %n' --) >"$RUN/sparse" 2>/dev/null
    cd /
    filled=$(awk '$2 && $1 * 512 >= $2 + 1048576 { print; exit }' "$RUN/sparse")
    [ -z "$filled" ] || why "a sparse file was filled: $filled"
}

# compare_trees SOURCE SOURCE_DEVICE TARGET TARGET_DEVICE: both read from disk, entry by entry.
compare_trees() {
    sync
    echo 3 >/proc/sys/vm/drop_caches
    bytes=$(used_bytes "$1")
    (cd "$1" && plain_files) | sort -z | gzip -1 -n >"$RUN/plain.gz"
    proof source "$1" "$2" "$bytes" || return 1
    proof copy "$3" "$4" "$bytes" || return 1
    if ! cmp -s "$RUN/source.gz" "$RUN/copy.gz"; then
        gzip -dc "$RUN/source.gz" | tr '\0' '\n' >"$RUN/source.txt"
        gzip -dc "$RUN/copy.gz" | tr '\0' '\n' | diff -a "$RUN/source.txt" - 2>/dev/null | grep -a '^[<>]' | head -n 20 >"$RUN/out"
        sed 's/^</    home:/; s/^>/    copy:/' "$RUN/out"
        rm -f "$RUN/source.txt"
        why "the copy differs: $(head -n 1 "$RUN/out" | cut -c 3-200)"
        return 1
    fi
    same_holey "$1" "$3" && stays_sparse "$1" "$3" || return 1
    say "    compared $(gzip -dc "$RUN/plain.gz" | tr -cd '\0' | wc -c) files and $(cd "$1" && find . -xdev ! -type f -printf . | wc -c) other entries: all the same"
}
