# Lists of what is in a tree, on a disk that may be full. sh knows the status of the last command of a pipe alone, so
# each stage tells by itself that it ended well: a list that is cut short must not pass for a whole one.
# A name that holds a newline has no line in our lists: such names are odd, few, and wait for the last pass.
# needs: prelude
# given: LISTS
# sets: live newline wanted unescaped

# yes: people work in the source.
live=no
newline='
'

# well COMMAND...: a stage of a pipe, which tells descriptor 3 when it ended well; what does not tell has failed.
well() { "$@" && printf . >&3; }

# sorted FILE COMMAND...: what the command prints, each line once, sorted.
sorted() {
    local list told
    list=$1
    shift
    told=$({ well "$@" | well sort -u >"$list"; } 3>&1)
    [ "$told" = .. ] || no_list "$list"
}

# into FILE COMMAND...: what the command prints.
into() {
    local list
    list=$1
    shift
    "$@" >"$list" || no_list "$list"
}

no_list() {
    why "the list of ${1##*/} could not be made ($(($(stat -f -c '%a * %S / 1024' "$LISTS/."))) KiB are free for lists)"
}

lines() { wc -l <"$1"; }

# same_count WHAT FILE FILE: two lists that must have as many lines as each other.
same_count() { [ "$(lines "$2")" = "$(lines "$3")" ] || why "$1: $(lines "$2") in one list, $(lines "$3") in another"; }

# entries DIRECTORY FILE: INODE CTIME SIZE KIND MODE USER GROUP LINKS MTIME ATIME BLOCKS<TAB>NAME. While people work
# what vanishes has no line, and is looked at again; else every line must be there.
entries() {
    local complaint code
    complaint=$(cd "$1" && find . -ignore_readdir_race -xdev -path "*$newline*" -fprint0 "$LISTS/odd.${1##*/}" -o \
        -printf '%i %C@ %s %y %m %U %G %n %T@ %A@ %b\t%p\n' 2>&1 >"$2")
    code=$?
    [ -s "$2" ] || { why "nothing at all is listed in $1: $complaint"; return 1; }
    [ $code -eq 0 ] || [ "$live" = yes ] || why "listing $1: $(printf '%s\n' "$complaint" | tail -n 1)"
}

# has_odd DIRECTORY: there were odd names when its entries were listed last.
has_odd() { [ -s "$LISTS/odd.${1##*/}" ]; }

# odd_names DIRECTORY TEST...
odd_names() {
    local odd_in told
    odd_in=$1
    shift
    {
        told=$({ (cd "$odd_in" && well find . -xdev -path "*$newline*" "$@" -print0) | well sort -z >&4; } 3>&1)
    } 4>&1
    [ "$told" = .. ] || why "names with a newline could not be listed in $odd_in"
}

# linked_to_odd DIRECTORY ENTRIES: names of files that have an odd one, too: all names of a file are copied together.
linked_to_odd() {
    has_odd "$1" || return 0
    (cd "$1" && find . -xdev -path "*$newline*" -type f -links +1 -printf '%i\n') >"$LISTS/odd.inodes" &&
        awk -v list="$LISTS/odd.inodes" '
            BEGIN { while ((got = getline inode <list) > 0) odd[inode] = 1; if (got) exit 2 }
            $1 in odd { print substr($0, index($0, "\t") + 1) }' "$2"
}

names() { cut -f 2- -- "$@"; }

zero() { tr '\n' '\0'; }

# keys ENTRIES: what tells an entry that changed from one that did not.
keys() { awk '{ print $1, $2, $3, $4 substr($0, index($0, "\t")) }' "$1"; }

# looks ENTRIES: what a copy of an entry has in common with it. Directories have sizes and link counts of their own.
looks() { awk '{ print $4, $5, $6, $7, ($4 == "d" ? "" : $8 " " $3), $9, $10 substr($0, index($0, "\t")) }' "$1"; }

# of_names NAMES FILE, not_of_names NAMES FILE: the lines of FILE by whether their name is in NAMES.
of_names() { awk -v list="$1" "$wanted"' substr($0, index($0, "\t") + 1) in wanted' "$2"; }
not_of_names() { awk -v list="$1" "$wanted"' !(substr($0, index($0, "\t") + 1) in wanted)' "$2"; }
wanted='BEGIN { while ((got = getline name <list) > 0) wanted[name] = 1; if (got) exit 2 }'

# Files with at least 64 MiB of holes; reading them through could take for ever.
holey() { awk '$4 == "f" && $11 * 512 + 67108864 <= $3' "$1"; }
plain() { awk '$4 == "f" && $11 * 512 + 67108864 > $3' "$1"; }

# names_of CONDITION ENTRIES: the names of those that meet an awk condition.
names_of() { awk "$1"' { print substr($0, index($0, "\t") + 1) }' "$2"; }

bytes_of() { awk '{ bytes += $11 * 512 } END { printf "%.0f\n", bytes }' "$1"; }

# either A B: the names in two sorted lists that have not the same line in both.
either() {
    local told
    {
        told=$({
            well comm -3 "$1" "$2" | well awk '{ sub(/^\t/, ""); print substr($0, index($0, "\t") + 1) }' >&4
        } 3>&1)
    } 4>&1
    [ "$told" = .. ]
}

# unescaped: awk's function that turns \OCTAL after MARK into the byte it stands for.
unescaped='function unescaped(text, mark,   at, out, digits) {
    while (at = index(text, mark)) {
        digits = substr(text, at + length(mark), 3)
        out = out substr(text, 1, at - 1)
        if (digits ~ /^[0-3][0-7][0-7]$/) {
            out = out sprintf("%c", substr(digits, 1, 1) * 64 + substr(digits, 2, 1) * 8 + substr(digits, 3))
        } else out = out mark digits
        text = substr(text, at + length(mark) + 3)
    }
    return out text
}'
