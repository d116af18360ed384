# Compares two trees. A file is alike when both sides gave the same sum of it: what has no line is not alike, whatever
# became of the line.
# needs: prelude cell lists marks sums kinds
# given: KIND LISTS

# one_name_each ENTRIES SUMS: of each file one name, into $LISTS/known with its sum if rsync carried it, else into
# $LISTS/unknown.
one_name_each() {
    : >"$LISTS/known" && : >"$LISTS/unknown" || return 1
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

# attributes_of DIRECTORY ENTRIES FILE: NAME=VALUE...<TAB>NAME of those that have any extended attributes.
attributes_of() {
    local told
    told=$({
        well names "$2" | well zero | well answers "$1" "$3" xargs -0r getfattr -h -d -m - -e hex --absolute-names -- |
            well awk "$unescaped"' BEGIN { RS = ""; FS = "\n" } {
                line = ""
                for (i = 2; i <= NF; i++) line = line " " $i
                print substr(line, 2) "\t" unescaped(substr($1, 9), "\\")
            }' | well sort >"$3"
    } 3>&1)
    [ "$told" = ..... ] || no_list "$3"
}

# answers DIRECTORY FILE COMMAND...: what it complains of is in FILE.errors; while people work, it may.
answers() {
    local at to code
    at=$1 to=$2
    shift 2
    within "$at" "$@" 2>"$to.errors"
    code=$?
    [ $code -eq 0 ] || { [ "$live" = yes ] && [ $code -eq 123 ] && [ -s "$to.errors" ]; }
}

# complained FILE: the names that getfattr said something of; whether there is a cause in it or an attribute, it does
# not tell.
complained() { sed -n 's/^getfattr: //; s/: [^:]*$//p; s/: [^:]*$//p' "$1"; }

# data_ranges FILE: offset and length of what is not a hole, near ones joined; fails where the file system cannot tell.
data_ranges() {
    $cell filefrag -v -b1024 "$1" >"$LISTS/extents" 2>/dev/null || return 1
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
    local offset length
    while read -r offset length; do
        $cell cmp -s -i "$offset" -n "$length" -- "$1" "$2" || return 1
    done
}

# alike_holey SOURCE TARGET: the names, of those that come in, whose data are the same where either has any; holes read
# as zeros.
alike_holey() {
    local name
    while IFS= read -r name; do
        [ -f "$1/$name" ] && [ -f "$2/$name" ] || continue
        if { data_ranges "$1/$name" && data_ranges "$2/$name"; } >"$LISTS/ranges"; then
            same_ranges "$1/$name" "$2/$name" <"$LISTS/ranges"
        else
            $cell cmp -s -- "$1/$name" "$2/$name"
        fi && { printf '%s\n' "$name" || return 1; }
    done
}

# unlike SOURCE TARGET ENTRIES SUMS FILE: the names of those entries whose contents or extended attributes are not known
# to be alike. SUMS are known.
unlike() {
    local of_source of_copy
    attributes_of "$1" "$3" "$LISTS/attributes" &
    of_source=$!
    attributes_of "$2" "$3" "$LISTS/attributes.copy" &
    of_copy=$!
    one_name_each "$3" "$4"
    rm -f "$LISTS/sums"
    { cat "$LISTS/known" && sums_of "$1" <"$LISTS/unknown"; } | sort >"$LISTS/sums.source"
    { names "$LISTS/known" && cat "$LISTS/unknown"; } | sort >"$LISTS/read.names"
    of_names "$LISTS/read.names" "$LISTS/there" | plain - | names >"$LISTS/read"
    rm -f "$LISTS/known" "$LISTS/unknown" "$LISTS/read.names"
    sums_of_copy "$2" "$LISTS/read" "$LISTS/sums.copy"
    rm -f "$LISTS/read"
    {
        comm -12 "$LISTS/sums.source" "$LISTS/sums.copy" | names && holey "$3" | names | alike_holey "$1" "$2"
    } >"$LISTS/alike"
    rm -f "$LISTS/sums.source" "$LISTS/sums.copy"
    wait $of_source && wait $of_copy || { why "extended attributes could not be compared"; return 1; }
    sorted "$5" names_unlike "$3" || return 1
    rm -f "$LISTS/alike" "$LISTS/attributes" "$LISTS/attributes.copy"
}

names_unlike() {
    not_alike "$1" "$LISTS/alike" && either "$LISTS/attributes" "$LISTS/attributes.copy" &&
        complained "$LISTS/attributes.errors" && complained "$LISTS/attributes.copy.errors"
}

# not_alike ENTRIES ALIKE: the names of files of which no name is alike.
not_alike() {
    awk -v list="$2" '
        BEGIN { while ((got = getline name <list) > 0) alike[name] = 1; if (got) exit 2 }
        $4 != "f" { next }
        { name = substr($0, index($0, "\t") + 1) }
        NR == FNR { if (name in alike) good[$1] = 1; next }
        !($1 in good) { print name }' "$1" "$1"
}

# filled SOURCE-ENTRIES TARGET FILE: the files that had holes of 1 MiB or more, and have none any more.
filled() {
    local told
    : >"$3"
    ! of_kind "$KIND" hides_holes || return 0
    told=$({
        well names_of '$4 == "f" && $11 * 512 + 1048576 <= $3' "$1" | well zero |
            well within "$2" xargs -0r stat -c '%b %s %n' -- |
            well awk '$1 * 512 >= $2' >"$3"
    } 3>&1)
    [ "$told" = .... ] || no_list "$3"
}

# links_of ENTRIES FILE: which names are the same file.
links_of() {
    local told
    told=$({
        well awk '$4 != "d" && $8 > 1' "$1" | well sort -t "$(printf '\t')" -k 2 |
            well awk '!($1 in group) { group[$1] = ++groups } { print group[$1] substr($0, index($0, "\t")) }' >"$2"
    } 3>&1)
    [ "$told" = ... ] || no_list "$2"
}

# special DIRECTORY ENTRIES FILE: where symbolic links lead, which devices nodes mean, and all there is to odd names.
special() {
    local told
    told=$({
        {
            well names_of '$4 == "l"' "$2" | well sort | well zero |
                well within "$1" xargs -0r sh -c 'find "$@" -maxdepth 0 -printf "%l\t%p\0"' links >&4
            well names_of '$4 == "b" || $4 == "c"' "$2" | well sort | well zero |
                well within "$1" xargs -0r stat --printf '%t:%T %n\0' >&4
            if has_odd "$1"; then well special_odd "$1" >&4; else printf .; fi
        } 4>"$3" 2>>"$LISTS/errors"
    } 3>&1)
    [ "$told" = ......... ] || no_list "$3"
}

special_odd() {
    odd_names "$1" -type l -printf '%l\t%p\0' >"$LISTS/odd.all" && cat "$LISTS/odd.all" || return 1
    within "$1" find . -xdev -path "*$newline*" \( -type d -printf '%y %m %U %G %T@ %A@\t%p\0' -o \
        -printf '%y %m %U %G %n %s %T@ %A@\t%p\0' \) >"$LISTS/odd.all" &&
        sort -z "$LISTS/odd.all" && odd_names "$1" >"$LISTS/odd.all" || return 1
    odd_names "$1" \( -type b -o -type c \) >"$LISTS/odd.some" &&
        within "$1" xargs -0r stat --printf '%t:%T %n\0' -- <"$LISTS/odd.some" &&
        odd_names "$1" -type f >"$LISTS/odd.some" && within "$1" xargs -0r md5sum -- <"$LISTS/odd.some" &&
        within "$1" xargs -0r getfattr -h -d -m - -e hex --absolute-names -- <"$LISTS/odd.all" &&
        odd_marks "$1" "$LISTS/odd.some" && sort -z "$LISTS/odd.some" || return 1
    rm -f "$LISTS/odd.all" "$LISTS/odd.some"
}
