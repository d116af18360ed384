# Observes who uses overlays that are to be unmounted, and changes nothing. TARGETS are paths, one a line.
# needs: prelude holders
# header: NONCE TARGETS

# open_files DIRECTORY: as busy_processes, for files that are open in it, by the number of the mount. Where layers are
# on several file systems, files have device numbers of their own, by which `holders` does not know them.
open_files() {
    local mount pids found
    mount=$(AT=$(escaped "$1") awk '$5 == ENVIRON["AT"] { found = $1 } END { print found }' /proc/self/mountinfo) &&
        [ -n "$mount" ] || return 1
    all_pids || return 1
    found=$(of_all fdinfo "grep -rsE '^mnt_id:[[:space:]]*$mount\$' \"\$@\"" && echo end)
    is_ended "$found" || return 1
    printf '%s\n' "$found" | awk -F / '
        $1 == "" && !known[$3]++ { print "held " $3 " open file" }
        $1 == "end"'
}

login=$(own_login) || exit 1
printf '%s\n' "$TARGETS" | while IFS= read -r target; do
    section "holders $target"
    said=$(steady_holders "$target" "$login") || exit 1
    [ -z "$said" ] || printf '%s\n' "$said"
    [ -z "$said" ] || continue
    held=$(open_files "$target") && described "$held" || exit 1
done || exit 1
section told
