# Which units processes are of.

# units_of: of lines /proc/PID/cgroup:NUMBER:CONTROLLERS:PATH, `unit PID UNIT` for those that can be stopped, and
# started again, as UNIT: a unit of the system whose cgroup it is that they are in, whatever its last part is
# called; user@UID.service/UNIT of a user's own manager; docker/ID and podman/ID for containers of root.
units_of() {
    local places names shown
    places=$(awk '
        function is_service(name) { return name ~ /^[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*\.service$/ }
        { split($0, part, "/"); pid = part[3]; sub(/^[^:]*:/, "") }
        sub(/^[0-9]+:name=systemd:/, "") { if ($0 != "/") path[pid] = $0; next }
        sub(/^0::/, "") && !(pid in path) { path[pid] = $0 }
        END {
            for (pid in path) {
                n = split(substr(path[pid], 2), part, "/")
                if (path[pid] ~ /^\/(docker|libpod_parent)\// ||
                    part[1] == "system.slice" && part[2] ~ /^docker-.*\.scope$/ ||
                    part[1] == "machine.slice" && part[2] ~ /^libpod-.*\.scope$/) {
                    name = part[2]; gsub(/^(docker|libpod)-|\.scope$/, "", name)
                    engine = path[pid] ~ /docker/ ? "docker/" : "podman/"
                    if (name ~ /^[0-9a-f]+$/) print "unit", pid, engine substr(name, 1, 12)
                    continue
                }
                if (path[pid] ~ /^\/user\.slice\/user-[0-9]+\.slice\/user@[0-9]+\.service\// &&
                    part[4] != "init.scope") {
                    for (i = 4; i <= n && !is_service(part[i]); i++);
                    if (i <= n) print "unit", pid, part[3] "/" part[i]
                    continue
                }
                above = ""
                for (i = 1; i <= n; i++) {
                    above = above "/" part[i]
                    if (is_service(part[i])) print "in", pid, above, part[i]
                }
            }
        }') || return 1
    names=$(printf '%s\n' "$places" | awk '$1 == "in" && !known[$4]++ { print $4 }') || return 1
    shown=
    [ -z "$names" ] || shown=$(systemctl show -p Id -p ControlGroup -- $names) || return 1
    printf '%s\n' "$shown" '' "$places" | awk '
        sub(/^Id=/, "") { name = $0 }
        sub(/^ControlGroup=/, "") { group = $0 }
        $0 == "" { if (group != "" && name != "") unit[group] = name; name = group = "" }
        $1 == "unit" { print }
        $1 == "in" && $3 in unit { print "unit", $2, unit[$3] }'
}
