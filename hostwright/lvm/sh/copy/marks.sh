# Flags and project IDs, which rsync leaves behind.
# needs: prelude cell lists
# given: WORK LISTS RUN

# marks: an awk program that turns lsattr's lines into "PROJECT FLAGS<TAB>NAME" where there is any. Only flags that a
# person may set: the others (extents, index, inline data) are the file system's own affair.
marks='{
    sub(/^ +/, ""); project = 0
    if ($1 ~ /^[0-9]+$/) { project = $1; sub(/^[0-9]+ +/, "") }
    flags = $1; at = index($0, " "); gsub(/[-eINhEV]/, "", flags)
    if (all || project != 0 || flags != "") print project " " flags "\t" substr($0, at + 1)
}'
projects_option() { if lsattr -pd / >/dev/null 2>&1; then echo p; fi; }

# marks_of DIRECTORY ENTRIES FILE: what was not told of is in FILE.untold, which is empty unless people work in
# DIRECTORY.
marks_of() {
    : >"$3.untold"
    into "$3.asked" names_of '$4 == "f" || $4 == "d"' "$2" && list_flags "$1" "$3" || return 1
    if [ "$(lines "$3.asked")" != "$(lines "$3.raw")" ]; then
        [ "$live" = yes ] && [ "$1" = "$WORK/source" ] ||
            {
                why "of $(lines "$3.asked") entries of $1 lsattr told of $(lines "$3.raw"): $(tail -n 1 "$3.errors")"
                return 1
            }
        sorted "$3.names" cat "$3.asked" && into "$3.told" awk -v all=1 "$marks" "$3.raw" &&
            sorted "$3.names.told" names "$3.told" &&
            into "$3.untold" comm -23 "$3.names" "$3.names.told" || return 1
    fi
    sorted "$3" awk "$marks" "$3.raw" || return 1
    rm -f "$3.asked" "$3.raw" "$3.names" "$3.told" "$3.names.told"
}

list_flags() {
    zero <"$2.asked" | within "$1" xargs -0r lsattr "-d$(projects_option)" -- >"$2.raw" 2>"$2.errors" ||
        [ $? -eq 123 ] || no_list "$2.raw"
}

# odd_marks DIRECTORY FILE: "PROJECT FLAGS<TAB>NAME", a zero byte after each, of the odd names there that have a mark.
# Newlines do not tell lsattr's lines apart here: the names that it was asked for do.
odd_marks() {
    : >"$2" || return 1
    has_odd "$1" || return 0
    odd_names "$1" \( -type f -o -type d \) >"$LISTS/odd.asked" && within "$1" xargs -0r -n 500 sh -c '
        told=$(lsattr "-d$0" -- "$@" && echo .) || exit 255
        for name do
            mark=${told%%" $name
"*} told=${told#*" $name
"} project=0
            mark=${mark##"${mark%%[! ]*}"}
            case $mark in [0-9]*) project=${mark%% *} mark=${mark##* } ;; esac
            case $mark in *[!a-zA-Z-]* | "") exit 255 ;; esac
            case $project$mark in 0*[!-eINhEV]* | [1-9]*) printf "%s %s\t%s\0" "$project" "$mark" "$name" ;; esac
        done
        [ "$told" = . ] || exit 255' "$(projects_option)" <"$LISTS/odd.asked" >"$LISTS/odd.told" &&
        sed -z ':more; s/^\([0-9]* [^\t]*\)[-eINhEV]\([^\t]*\t\)/\1\2/; t more' "$LISTS/odd.told" >"$2" || return 1
    rm -f "$LISTS/odd.asked" "$LISTS/odd.told"
}

# different MARKS FIELD: the different projects (1) or flags (2) in a list of marks, and in that of odd names.
different() {
    { cut -f 1 "$1" && sed -z 's/\t.*//' "$LISTS/odd.marks" | tr '\0' '\n'; } |
        cut -d ' ' -f "$2" | sort -u | grep -v '^0*$'
}

# marked MARKS PATTERN: the names whose mark has it, a zero byte after each.
marked() { sed -n "s/^$2\t//p" "$1" | zero && sed -n -z "s/^$2\t//p" "$LISTS/odd.marks"; }

# set_marks SOURCE TARGET MARKS: flags come last, for they forbid.
set_marks() {
    local project flags
    odd_marks "$1" "$LISTS/odd.marks" || { why "flags of names with a newline could not be read"; return 1; }
    for project in $(different "$3" 1); do
        marked "$3" "$project [^\t]*" | within "$2" xargs -0r chattr -p "$project" -- 2>"$RUN/out" ||
            { why "project IDs: $(tail -n 1 "$RUN/out")"; return 1; }
    done
    for flags in $(different "$3" 2); do
        marked "$3" "[0-9]* $flags" | within "$2" xargs -0r chattr "+$flags" -- 2>"$RUN/out" ||
            { why "flags: $(tail -n 1 "$RUN/out")"; return 1; }
    done
    rm -f "$LISTS/odd.marks"
}

# clear_flags DIRECTORY: what is immutable could not be copied again, and what is made in a marked directory inherits.
clear_flags() { chattr -R -f -aAcdDijsStTu "$1" >/dev/null 2>&1 || :; }
