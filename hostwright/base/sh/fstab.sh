# The file /etc/fstab is replaced as a whole, by a rename, with its owner, mode and label; one line of it changes.
# needs: prelude mountpoints asking
# given: LV MOUNT KIND ORIGINAL MARKER PROOF

# What awk needs to read it as systemd and mount(8) do: `/home/`, `//home` and `/ho\155e` are /home. The last line keeps
# its end, or stays without one. An exit code of 3 says that a line is not as it must be.
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
}
function is_home() { return NF > 1 && $1 !~ /^#/ && (path($2) == ENVIRON["AT"] || $0 == ENVIRON["ORIGINAL"]) }'

# replace_fstab CHECK COMMAND...: the command turns the old text into the new one. Where systemd or the check does not
# take that, the old text comes back.
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

reload() { [ ! -d /run/systemd/system ] || try systemctl daemon-reload; }

# home_line TEXT: home's one line, as it was planned on or as we left it, becomes TEXT. Any other is somebody else's.
home_line() {
    TEXT=$1 AT=$MOUNT ORIGINAL=$ORIGINAL CLOSED=$closed MARK=$MARK awk "$fstab_words"'
        index($0, ENVIRON["MARK"] " ") == 1 { ours = 1; next }
        is_home() {
            lines++
            if (!ours && $0 != ENVIRON["ORIGINAL"]) theirs = 1
            ours = 0
            put(ENVIRON["TEXT"])
            next
        }
        { put($0) }
        END { end(lines == 1 && !theirs) }'
}

# marker: the comment above the line holds what the line was, and what proved the copy that it leads to; whoever comes
# after us finds it there.
marker() {
    local at uuid memory
    [ -n "$PROOF" ] || { printf '%s\n' "$MARKER"; return; }
    case $leads in /*) at=$leads ;; *) at=$(volume "$leads") ;; esac
    uuid=$(blkid -p -o value -s UUID "$at") && [ -n "$uuid" ] ||
        { why "blkid does not tell the UUID on $at"; return 1; }
    memory=$(printf %s "${MARKER#"$MARK" }" | base64 -d) && [ -n "$memory" ] &&
        memory=$(printf '%s, "proof": "%s uuid=%s"}' "${memory%\}}" "$PROOF" "$uuid" | base64 -w 0) &&
        printf '%s %s\n' "$MARK" "$memory"
}

# leads_home: home has one line, and that leads to $leads, the name of a volume or the path of an image.
leads_home() {
    local spec found
    settle
    spec=$(AT=$MOUNT ORIGINAL=$ORIGINAL awk "$fstab_words"'
        is_home() { lines++; spec = plain($1) }
        END { if (lines != 1) exit 3; print spec }' /etc/fstab) ||
        { why "/etc/fstab has not one line for $MOUNT"; return 1; }
    case $spec in
        [A-Z]*=*) found=$(findfs "$(printf %s "$spec" | tr -d '"')" 2>/dev/null) ;;
        *) found=$spec ;;
    esac
    case $leads in
        /*) [ -f "$found" ] && [ "$found" = "$leads" ] ;;
        *) same_device "$found" "$(volume "$leads")" ;;
    esac || why "/etc/fstab takes $MOUNT from $spec, which leads to ${found:-nothing}, not to $leads"
}

# point_to SPEC OPTIONS TARGET: the boot takes home from SPEC, which leads to TARGET.
point_to() {
    local leads above
    leads=$3
    above=$(marker) && [ -n "$above" ] || { why "nothing to remember $MOUNT by"; return 1; }
    replace_fstab leads_home home_line "$above
$1 $(escaped "$MOUNT") $KIND $2 0 0"
}

# verb: restore_fstab
restore_fstab() {
    local leads
    leads=$LV
    replace_fstab leads_home home_line "$ORIGINAL"
}
