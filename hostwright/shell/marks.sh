# Flags and project IDs, which rsync leaves behind. lists.sh stands before this.

# marks: an awk program that turns lsattr's lines into "PROJECT FLAGS<TAB>NAME" where there is any. Only flags that a person
# sets: the others (extents, index, inline data) are the file system's own affair.
marks='{
    sub(/^ +/, ""); project = 0
    if ($1 ~ /^[0-9]+$/) { project = $1; sub(/^[0-9]+ +/, "") }
    flags = $1; at = index($0, " "); gsub(/[-eINhEV]/, "", flags)
    if (all || project != 0 || flags != "") print project " " flags "\t" substr($0, at + 1)
}'
projects_option() { if lsattr -pd / >/dev/null 2>&1; then echo p; fi; }

# marks_of DIRECTORY ENTRIES FILE: what was not told of is in FILE.untold, which is empty unless people work in DIRECTORY.
marks_of() {
    : >"$3.untold"
    into "$3.asked" names_of '$4 == "f" || $4 == "d"' "$2" && list_flags "$1" "$3" || return 1
    if [ "$(lines "$3.asked")" != "$(lines "$3.raw")" ]; then
        [ "$live" = yes ] && [ "$1" = "$WORK/source" ] ||
            { why "of $(lines "$3.asked") entries of $1 lsattr told of $(lines "$3.raw"): $(tail -n 1 "$3.errors")"; return 1; }
        sorted "$3.names" cat "$3.asked" && into "$3.told" awk -v all=1 "$marks" "$3.raw" && sorted "$3.names.told" names "$3.told" &&
            into "$3.untold" comm -23 "$3.names" "$3.names.told" || return 1
    fi
    sorted "$3" awk "$marks" "$3.raw" || return 1
    rm -f "$3.asked" "$3.raw" "$3.names" "$3.told" "$3.names.told"
}

list_flags() { zero <"$2.asked" | within "$1" xargs -0r lsattr "-d$(projects_option)" -- >"$2.raw" 2>"$2.errors" || [ $? -eq 123 ] || no_list "$2.raw"; }

# each_odd DIRECTORY COMMAND [ARGUMENT]: for each odd name there that has a mark, with $project, $flags and $name set; $target
# is the argument. One process a name, so that thousands of them stay bearable.
each_odd() {
    has_odd "$1" || return 0
    odd_names "$1" \( -type f -o -type d \) | within "$1" xargs -0r sh -c '
        target=$1 option=$2
        shift 2
        for name do
            mark=$(lsattr "-d$option" -- "$name") || exit 255
            mark=${mark%% ./*} project=0
            mark=${mark##"${mark%%[! ]*}"}
            case $mark in [0-9]*) project=${mark%% *} mark=${mark##* } ;; esac
            case $project$mark in 0*[!-eINhEV]* | [1-9]*) ;; *) continue ;; esac
            flags=$(printf %s "$mark" | tr -d -- -eINhEV)
            '"$2"'
        done' odd "${3-}" "$(projects_option)"
}

# different MARKS FIELD: the different projects (1) or flags (2) in a list of marks.
different() { cut -f 1 "$1" | cut -d ' ' -f "$2" | sort -u | grep -v '^0*$'; }

# marked MARKS PATTERN: the names whose mark has it.
marked() { sed -n "s/^$2\t//p" "$1" | zero; }

# set_marks SOURCE TARGET MARKS: flags come last, for they forbid.
set_marks() {
    for project in $(different "$3" 1); do
        marked "$3" "$project [^\t]*" | within "$2" xargs -0r chattr -p "$project" -- 2>"$RUN/out" || { why "project IDs: $(tail -n 1 "$RUN/out")"; return 1; }
    done
    each_odd "$1" '[ "$project" = 0 ] || chattr -p "$project" -- "$target/$name" || exit 255' "$2" 2>"$RUN/out" ||
        { why "project IDs: $(tail -n 1 "$RUN/out")"; return 1; }
    for flags in $(different "$3" 2); do
        marked "$3" "[0-9]* $flags" | within "$2" xargs -0r chattr "+$flags" -- 2>"$RUN/out" || { why "flags: $(tail -n 1 "$RUN/out")"; return 1; }
    done
    each_odd "$1" '[ -z "$flags" ] || chattr "+$flags" -- "$target/$name" || exit 255' "$2" 2>"$RUN/out" || why "flags: $(tail -n 1 "$RUN/out")"
}

# clear_flags DIRECTORY: what is immutable could not be copied again, and what is made in a marked directory inherits.
clear_flags() { chattr -R -f -aAcdDijsStTu "$1" >/dev/null 2>&1 || :; }
