# Mount namespaces that no process is in.

# kept_namespaces: the mounts of those that a file keeps (unshare --mount=FILE, snapd), as if a process were in each.
kept_namespaces() {
    local files count file lines
    files=$(awk '$4 ~ /^mnt:/ && / - nsfs / { print $5 }' /proc/self/mountinfo) || return 1
    count=0
    for file in $files; do
        count=$((count + 1))
        printf 'kept file%s %s\n' $count "$file"
        lines=$(nsenter --mount="$(printf "$(printf %s "$file" | sed 's/%/%%/g')")" cat /proc/self/mountinfo) ||
            return 1
        printf '%s\n' "$lines" | sed "s|^|/proc/file$count/mountinfo:|" || return 1
    done
}
