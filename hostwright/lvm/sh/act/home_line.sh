# The line of fstab that mounts the source. While a run works, it leads to where the source is served from.
# needs: prelude asking fstab mountpoints
# given: LV MOUNT KIND ORIGINAL MARKER MARK PROOF

home_words="$fstab_words"'
function is_home() { return NF > 1 && $1 !~ /^#/ && (path($2) == ENVIRON["AT"] || $0 == ENVIRON["ORIGINAL"]) }'

# home_line TEXT: its one line, as it was planned on or as we left it, becomes TEXT. Any other is somebody else's.
home_line() {
    TEXT=$1 AT=$MOUNT ORIGINAL=$ORIGINAL CLOSED=$closed MARK=$MARK awk "$home_words"'
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

# leads_home: the source has one line, and that leads to $leads, the name of a volume or the path of an image.
leads_home() {
    local spec found
    settle
    spec=$(AT=$MOUNT ORIGINAL=$ORIGINAL awk "$home_words"'
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

# point_to SPEC OPTIONS TARGET: the boot takes it from SPEC, which leads to TARGET.
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
