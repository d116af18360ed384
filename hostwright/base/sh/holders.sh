# Who keeps a file system busy. Shared by the facts that report it and by the job that must be sure of it.
# Of a pipe, sh knows only how its last command ended. So who did all that it had to says `end` in its last line.
# sets: pids

parent_of() { sed 's/^.*) . \([0-9]*\) .*$/\1/' "/proc/$1/stat" 2>/dev/null; }

# The sshd process that serves our own connection, or our own parent where there is none (a local run).
own_login() {
    pid=$$
    while [ "${pid:-0}" -gt 1 ]; do
        case $(cat "/proc/$pid/comm" 2>/dev/null) in sshd*) echo "$pid"; return ;; esac
        pid=$(parent_of "$pid")
    done
    echo $$
}

escaped() { printf '%s' "$1" | sed 's/\\/\\134/g; s/ /\\040/g; s/	/\\011/g'; }

# device_at DIRECTORY: MAJOR:MINOR of what is mounted on it, nothing where nothing is, `unknown` where that cannot be told.
device_at() {
    AT=$(escaped "$1") awk 'BEGIN { if (ENVIRON["AT"] == "") exit 1 }
        $5 == ENVIRON["AT"] { found = $3 } END { if (found) print found }' /proc/self/mountinfo || echo unknown
}

# all_pids: sets pids. Ours is among them, and once more at the end: who has seen that has seen all.
all_pids() {
    pids=$(find /proc -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f ' 2>/dev/null) || [ $? -eq 1 ] || return 1
    case " $pids" in *" $$ "*) pids="$pids $$" ;; *) return 1 ;; esac
}

# of_all FILES COMMAND: sh's COMMAND on those files of each process in $pids, as many at a time as it can take. It may end
# with 1 or 2, for those that have gone meanwhile.
of_all() {
    for pid in $pids; do for file in $1; do echo "/proc/$pid/$file"; done; done |
        xargs -r sh -c "$2"'
            [ $? -le 2 ] || exit 255' sh 2>/dev/null
}

# holders DIRECTORY LOGIN: a line for each thing that keeps the file system mounted there from being unmounted:
# process<TAB>PID<TAB>USER<TAB>UNIT<TAB>HOW<TAB>COMMAND, or KIND<TAB>WHAT. Fails where it could not be looked.
holders() {
    at=$1 login=$2
    number=$(stat -c %d "$at") && device=$(device_at "$at") || return 1
    case $device in *:*) ;; *) return 1 ;; esac
    # One that went while we looked may have left others where it was; where some go all the time, the last look counts.
    tries=0
    until held=$(busy_processes); do
        tries=$((tries + 1))
        [ $tries -lt 5 ] || return 1
    done
    described "$held" && loops && swaps && exports
}

# busy_processes: held PID HOW for each that is neither LOGIN, nor comes from it, nor is an ancestor of ours; mount POINT for
# each mount that is in the way here.
busy_processes() {
    all_pids || return 1
    seen=$({
        of_all 'cwd root exe ns/mnt' 'find -L "$@" -maxdepth 0 -printf "%D %i %p\n"' &&
            of_all fd 'find -L "$@" -mindepth 1 -maxdepth 1 -printf "%D - %p\n"' &&
            of_all maps "grep -sHF ' $(echo "$device" | awk -F: '{ printf "%02x:%02x", $1, $2 }') ' \"\$@\"" && echo end
    } | awk -v number="$number" -v self=$$ '
        BEGIN { split("cwd working directory,exe program,fd open file,maps mapped file,root root directory", ways, ",") }
        $1 == "end" { ended = 1; next }
        { split($1 ~ /^\/proc/ ? $1 : $3, part, "[/:]"); pid = part[3]; what = part[4] }
        what == "root" { top[pid] = $1 ":" $2 }
        what == "ns" { print "in", pid, $2, top[pid]; if (pid == self) last = 1; next }
        $1 == number || what == "maps" { found[pid, what] = busy[pid] = 1 }
        END {
            for (pid in busy) {
                how = ""
                for (i = 1; i in ways; i++) {
                    split(ways[i], word, " ")
                    if ((pid, word[1]) in found) how = how (how == "" ? "" : ",") substr(ways[i], length(word[1]) + 2)
                }
                print "busy", pid, how
            }
            if (ended && last) print "end"
        }')
    is_ended "$seen" || return 1
    mounts=$(foreign_mounts) && is_ended "$mounts" || return 1
    kept=$({ printf '%s\n' "$seen" "$mounts" && of_all status 'grep -sH ^PPid: "$@"' && echo end; } | awk -v login="$login" -v self=$$ '
        $1 == "end" { ended++; next }
        $1 == "mount" { print; next }
        $1 == "busy" { pid = $2; sub(/^busy [0-9]+ /, ""); if (pid in how) $0 = how[pid] "," $0; how[pid] = $0; next }
        /^\/proc/ { split($1, part, "/"); parent[part[3]] = $2 }
        END {
            for (pid = self; pid > 0; pid = parent[pid]) ours[pid] = 1
            for (pid in how) {
                steps = 0
                for (up = pid + 0; up > 1 && up != login && steps < 1000; up = parent[up] + 0) steps++
                if (!(pid in ours) && !(up > 1 && up == login)) print "held", pid, how[pid]
            }
            if (ended == 3 && self in parent) print "end"
        }')
    is_ended "$kept" || return 1
    printf '%s\n' "$kept"
}

is_ended() { case $1 in end | *'
end') ;; *) return 1 ;; esac; }

# foreign_mounts: of the mounts of the file system, in any mount namespace, those that do not go away when it is unmounted
# here: mount POINT, or busy PID for all who are in that namespace. Where something is mounted below one, it stays, too.
# What goes: where ours is unmounted from a mount, the kernel unmounts what lies at that place from all that it propagates
# to, that is, its peers (shared:N), their slaves (master:N), and so on (sharedsubtree.rst). The tags of our own mount, which
# a bind of it inherits, say nothing.
foreign_mounts() {
    # A process that is in a root of its own sees those mounts alone that are below it.
    pids=$(printf '%s\n' "$seen" | awk -v self=$$ '
        $1 == "in" { n++; pid[n] = $2; space[n] = $3; top[n] = $4; if ($2 == self) own = $3 }
        END { print self; for (i = 1; i <= n; i++) if (space[i] != own && !known[space[i], top[i]]++) print pid[i] }') || return 1
    listed=$({ printf '%s\n' "$seen" && of_all mountinfo 'grep -sH . "$@"; [ $? -le 2 ] && ls -d "$@"' && kept_namespaces && echo end; } |
        AT=$(escaped "$at") MOUNT=$(escaped "${MOUNT:-$at}") OURS=$(escaped "${WORK:-}") awk -v device="$device" -v self=$$ -v tries="$tries" -v views="$(echo $pids)" '
        # Where it lies in the file system of the mount that it is on.
        function lies(n,   base) {
            base = above[n]
            return (root[base] == "/" ? "" : root[base]) (point[base] == "/" ? point[n] : substr(point[n], length(point[base]) + 1))
        }
        function is_ours(place) {
            return place == ENVIRON["AT"] || place == ENVIRON["MOUNT"] || (ENVIRON["OURS"] != "" && index(place, ENVIRON["OURS"] "/") == 1)
        }
        $1 == "end" { ended++; next }
        $1 == "in" { space[$2] = $3; next }
        $1 == "kept" { space[$2] = kept[$2] = $3; next }
        $1 == "busy" { next }
        { split($1, part, "[/:]") }
        NF == 1 { alive[part[3]] = 1; next }
        {
            n++
            view[n] = part[3]; id[n] = part[5]; of[part[3] " " part[5]] = n
            parent[n] = part[3] " " $2; on[n] = $3; root[n] = $4; point[n] = $5
            for (i = 7; i <= NF && $i != "-"; i++) {
                if ($i ~ /^shared:/) shared[n] = substr($i, 8)
                if ($i ~ /^master:/) master[n] = substr($i, 8)
            }
        }
        END {
            for (i = 1; i <= n; i++) if (parent[i] in of) above[i] = of[parent[i]]
            # What is in the way here is named once, not for each namespace that has it from here.
            for (i in above) if (view[i] == self && (on[i] == device || on[above[i]] == device)) {
                if (on[i] != device || !is_ours(point[i])) print "mount", point[i]
                place = lies(i); places[place] = 1
                if (shared[above[i]] != "") reached[shared[above[i]], place] = 1
            }
            do {
                more = 0
                for (i = 1; i <= n; i++) if (shared[i] != "" && master[i] != "") for (place in places)
                    if ((master[i], place) in reached && !((shared[i], place) in reached)) more = reached[shared[i], place] = 1
            } while (more)
            for (i in above) if (view[i] != self) {
                place = lies(i)
                if ((shared[above[i]], place) in reached || (master[above[i]], place) in reached) goes[id[i]] = 1
            }
            for (i in above) if (view[i] != self && on[above[i]] == device && !(id[i] in goes)) {
                if (point[i] == point[above[i]]) covered[id[above[i]]] = 1
                else below[id[above[i]]] = 1
            }
            for (i = 1; i <= n; i++) if (view[i] != self && on[i] == device) {
                if (!(id[i] in goes) || id[i] in below) stays[space[view[i]]] = "busy"
                else if (id[i] in covered && !(space[view[i]] in stays)) stays[space[view[i]]] = "covered"
            }
            for (pid in space) if (space[pid] in stays)
                if (pid in kept) { if (stays[kept[pid]] == "busy") print "mount", kept[pid] }
                else print stays[space[pid]], pid, "mount namespace"
            split(views, wanted, " ")
            for (i = 1; i in wanted; i++) if (!(wanted[i] in alive) && tries < 4) ended = 0
            if (ended == 2) print "end"
        }') || return 1
    case $listed in *covered*) if uncovers; then go=/^covered/d; else go=s/^covered/busy/; fi ;; *) go= ;; esac
    printf '%s\n' "$listed" | sed "$go"
}

# kept_namespaces: the mounts of those that a file keeps (unshare --mount=FILE, snapd), as if a process were in each.
kept_namespaces() {
    files=$(awk '$4 ~ /^mnt:/ && / - nsfs / { print $5 }' /proc/self/mountinfo) || return 1
    count=0
    for file in $files; do
        count=$((count + 1))
        printf 'kept file%s %s\n' $count "$file"
        lines=$(nsenter --mount="$(printf "$(printf %s "$file" | sed 's/%/%%/g')")" cat /proc/self/mountinfo) || return 1
        printf '%s\n' "$lines" | sed "s|^|/proc/file$count/mountinfo:|" || return 1
    done
}

# uncovers: this kernel also unmounts what something else was mounted over, where an unmount propagates to (Linux 4.13 does).
uncovers() {
    unshare -m sh -c '
        mount --make-rprivate / && mount -t tmpfs none /run && cd /run && mkdir one two && mount -t tmpfs none one &&
            mount --make-shared one && mkdir one/home && mount --bind one two && mount --make-slave two &&
            mount -t tmpfs below one/home && mount -t tmpfs over two/home && umount one/home &&
            awk "/ - tmpfs below / { stays = 1 } END { exit stays }" /proc/self/mountinfo' 2>/dev/null
}

# described HELD: the lines of what busy_processes found. Whoever reads the words of a command reads its process's memory,
# where that can make them wait for ever: it is named without them then.
described() {
    pids=$(printf '%s\n' "$1" | awk '$1 == "held" { print $2 }') || return 1
    printf '%s\n' "$1" | awk '$1 == "mount" && !known[$2]++ { print $1 "\t" $2 }' || return 1
    [ -n "$pids" ] || return 0
    cgroups=$(of_all cgroup 'grep -sH . "$@"') && units=$(printf '%s\n' "$cgroups" | units_of) || return 1
    lines=$({
        printf '%s\n' "$1" "$units" && of_all . 'stat -c "user %n %U" "$@"' &&
            of_all cmdline '{ timeout -k 1 5 grep -szaH "" "$@"; case $? in [012] | 124 | 137) ;; *) exit 255 ;; esac; } | tr "\000\001-\037\177" "\n[ *]"' && echo end
    } | awk '
        $1 == "end" { ended++; next }
        $1 == "held" { pid = $2; sub(/^held [0-9]+ /, ""); how[pid] = $0 }
        $1 == "unit" { unit[$2] = $3 }
        $1 == "user" { split($2, part, "/"); user[part[3]] = $3 }
        /^\/proc/ { split($1, part, "/"); command[part[3]] = substr(command[part[3]] substr($0, index($0, ":") + 1) " ", 1, 120) }
        END {
            for (pid in how) if (pid in user)
                print "process\t" pid "\t" user[pid] "\t" (pid in unit ? unit[pid] : "-") "\t" how[pid] "\t" command[pid]
            if (ended == 2) print "end"
        }')
    is_ended "$lines" || return 1
    printf '%s' "${lines%end}" | sort -t '	' -k 2,2n
}

# units_of: of lines /proc/PID/cgroup:NUMBER:CONTROLLERS:PATH, `unit PID UNIT` for those that can be stopped, and started
# again, as UNIT (lvm.sh): a unit of the system whose cgroup it is that they are in, whatever its last part is called;
# user@UID.service/UNIT of a user's own manager; docker/ID and podman/ID for containers of root.
units_of() {
    places=$(awk '
        function is_service(name) { return name ~ /^[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*\.service$/ }
        { split($0, part, "/"); pid = part[3]; sub(/^[^:]*:/, "") }
        sub(/^[0-9]+:name=systemd:/, "") { if ($0 != "/") path[pid] = $0; next }
        sub(/^0::/, "") && !(pid in path) { path[pid] = $0 }
        END {
            for (pid in path) {
                n = split(substr(path[pid], 2), part, "/")
                if (path[pid] ~ /^\/(docker|libpod_parent)\// || part[1] == "system.slice" && part[2] ~ /^docker-.*\.scope$/ || part[1] == "machine.slice" && part[2] ~ /^libpod-.*\.scope$/) {
                    name = part[2]; gsub(/^(docker|libpod)-|\.scope$/, "", name)
                    if (name ~ /^[0-9a-f]+$/) print "unit", pid, (path[pid] ~ /docker/ ? "docker/" : "podman/") substr(name, 1, 12)
                    continue
                }
                if (path[pid] ~ /^\/user\.slice\/user-[0-9]+\.slice\/user@[0-9]+\.service\// && part[4] != "init.scope") {
                    for (i = 4; i <= n && !is_service(part[i]); i++);
                    if (i <= n) print "unit", pid, part[3] "/" part[i]
                    continue
                }
                above = ""
                for (i = 1; i <= n; i++) { above = above "/" part[i]; if (is_service(part[i])) print "in", pid, above, part[i] }
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

# loops, swaps, exports: what the kernel itself has open or gives away.
loops() {
    backing=$(losetup -l -O BACK-MAJ:MIN,BACK-FILE) || return 1
    printf '%s\n' "$backing" | awk -v number="$number" '$1 ~ /^[0-9]+:[0-9]+$/ {
        split($1, part, ":")
        if (part[1] % 4096 * 256 + part[2] % 256 + (part[2] - part[2] % 256) * 4096 != number) next
        sub(/^ *[0-9:]+ +/, ""); print "loop device\t" $0
    }'
}

swaps() {
    files=$(awk '$2 == "file" { print $1 }' /proc/swaps) || return 1
    for file in $files; do
        # One that cannot be looked at, such as a deleted one, may well be here.
        on=$(stat -c %d "$(printf "$(printf %s "$file" | sed 's/%/%%/g')")" 2>/dev/null) || on=$number
        [ "$on" != "$number" ] || printf 'swap file\t%s\n' "$file"
    done
}

exports() {
    [ -e /var/lib/nfs/etab ] || return 0
    AT=$at awk '($1 == ENVIRON["AT"] || index($1, ENVIRON["AT"] "/") == 1) && !known[$1]++ { print "NFS export\t" $1 }' /var/lib/nfs/etab
}

# steady_holders DIRECTORY LOGIN: those of its holders that are still there a moment later, and again. Who only opens a
# file now and then keeps nothing busy.
steady_holders() {
    steady=$(holders "$1" "$2") || return 1
    for moment in 0.5 1; do
        [ -n "$steady" ] || return 0
        sleep $moment
        now=$(holders "$1" "$2") || return 1
        steady=$(printf '%s\n' "$steady" "@@" "$now" | awk '$0 == "@@" { again = 1; next } again { if ($0 in was) print; next } { was[$0] = 1 }') || return 1
    done
    printf '%s' "${steady:+$steady
}"
}
