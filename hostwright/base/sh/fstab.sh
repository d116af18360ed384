# The file /etc/fstab is replaced as a whole, by a rename, with its owner, mode and label; one line of it changes.
# needs: prelude

# What awk needs to read it as systemd and mount(8) do: `/srv/`, `//srv` and `/s\162v` are /srv. The last line keeps its
# end, or stays without one. An exit code of 3 says that a line is not as it must be.
fstab_words='
function put(text) { printf "%s%s", gap, text; gap = "\n" }
function end(good) { if (!good) exit 3; if (ENVIRON["CLOSED"] != "") printf "\n" }
function plain(text,   out, code) {
    while (match(text, /\\[0-7][0-7][0-7]/)) {
        code = substr(text, RSTART + 1, 1) * 64 + substr(text, RSTART + 2, 1) * 8 + substr(text, RSTART + 3, 1)
        out = out substr(text, 1, RSTART - 1) sprintf("%c", code)
        text = substr(text, RSTART + 4)
    }
    return out text
}
function path(text) {
    text = plain(text)
    gsub(/\/(\.?\/)+/, "/", text)
    sub(/\/\.?$/, "", text)
    return text
}'

# replace_fstab CHECK COMMAND...: the command turns the old text into the new one; $closed is for its awk, as CLOSED.
# Where systemd or the check does not take that, the old text comes back.
replace_fstab() {
    local check closed wrong fstab new was
    check=$1 closed='' wrong=''
    shift
    fstab=$(readlink -f /etc/fstab) || { why "/etc/fstab leads nowhere"; return 1; }
    new=$fstab.hostwright was=$fstab.hostwright-old
    [ -n "$(tail -c 1 "$fstab")" ] || closed=yes
    # What awk wrote is held against what it tells once more: not every awk sees that a disk is full.
    if cp -a "$fstab" "$new" 2>/dev/null && "$@" <"$fstab" 2>/dev/null >"$new"; then
        sync
        "$@" <"$fstab" | cmp -s - "$new" && ln -f "$fstab" "$was" && mv "$new" "$fstab" ||
            wrong="$fstab could not be replaced: is its file system full?"
    else
        [ $? -eq 3 ] && wrong="$fstab is not as it was when this was planned: run again" ||
            wrong="$fstab cannot be written beside: is its file system full?"
    fi
    [ -z "$wrong" ] || { rm -f "$new" "$was"; why "$wrong"; return 1; }
    sync
    if reload && $check; then
        rm -f "$was"
        return 0
    fi
    wrong=$reason
    mv "$was" "$fstab" || wrong="$wrong; the old text is in $was"
    sync
    reload
    why "$wrong"
}

# verb: tidy_fstab
# Takes away what a run left beside fstab that died while it replaced it.
tidy_fstab() {
    local fstab
    fstab=$(readlink -f /etc/fstab) || { why "/etc/fstab leads nowhere"; return 1; }
    try rm -f "$fstab.hostwright" "$fstab.hostwright-old"
}

reload() { [ ! -d /run/systemd/system ] || try systemctl daemon-reload; }

changed_line() {
    OLD=$1 NEW=$2 CLOSED=$closed awk "$fstab_words"'
        ENVIRON["OLD"] != "" && $0 == ENVIRON["OLD"] && !done {
            done = 1
            if (ENVIRON["NEW"] != "") put(ENVIRON["NEW"])
            next
        }
        { put($0) }
        END { if (ENVIRON["OLD"] == "") { put(ENVIRON["NEW"]); done = 1 } end(done) }'
}

# verb: change_line [OLD] [NEW]
# One line of fstab for another; an empty OLD adds a line, an empty NEW takes it away.
change_line() { replace_fstab : changed_line "$1" "$2"; }
