# Mounts that stay when a file system is unmounted here. `holders` sets at, device and tries, `busy_processes` seen.
# needs: every_process mountpoints kept_namespaces

# foreign_mounts: of the mounts of the file system, in any mount namespace, those that do not go away when it is
# unmounted here: mount POINT, or busy PID for all who are in that namespace. Where something is mounted below one, it
# stays, too. What goes: where ours is unmounted from a mount, the kernel unmounts what lies at that place from all that
# it propagates to, that is, its peers (shared:N), their slaves (master:N), and so on (sharedsubtree.rst). The tags of
# our own mount, which a bind of it inherits, say nothing.
foreign_mounts() {
    local pids listed go
    # A process that is in a root of its own sees those mounts alone that are below it.
    pids=$(printf '%s\n' "$seen" | awk -v self=$$ '
        $1 == "in" { n++; pid[n] = $2; space[n] = $3; top[n] = $4; if ($2 == self) own = $3 }
        END {
            print self
            for (i = 1; i <= n; i++) if (space[i] != own && !known[space[i], top[i]]++) print pid[i]
        }') || return 1
    listed=$({
        printf '%s\n' "$seen" && of_all mountinfo 'grep -sH . "$@"; [ $? -le 2 ] && ls -d "$@"' && kept_namespaces &&
            echo end
    } |
        AT=$(escaped "$at") MOUNT=$(escaped "${MOUNT:-$at}") OURS=$(escaped "${WORK:-}") awk \
            -v device="$device" -v self=$$ -v tries="$tries" -v views="$(echo $pids)" '
        # Where it lies in the file system of the mount that it is on.
        function lies(n,   base, below_it) {
            base = above[n]
            below_it = point[base] == "/" ? point[n] : substr(point[n], length(point[base]) + 1)
            return (root[base] == "/" ? "" : root[base]) below_it
        }
        function is_ours(place) {
            return place == ENVIRON["AT"] || place == ENVIRON["MOUNT"] ||
                (ENVIRON["OURS"] != "" && index(place, ENVIRON["OURS"] "/") == 1)
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
                    if ((master[i], place) in reached && !((shared[i], place) in reached))
                        more = reached[shared[i], place] = 1
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

# uncovers: this kernel also unmounts what something else was mounted over, where an unmount propagates to (Linux 4.13
# does).
uncovers() {
    unshare -m sh -c '
        mount --make-rprivate / && mount -t tmpfs none /run && cd /run && mkdir one two && mount -t tmpfs none one &&
            mount --make-shared one && mkdir one/home && mount --bind one two && mount --make-slave two &&
            mount -t tmpfs below one/home && mount -t tmpfs over two/home && umount one/home &&
            awk "/ - tmpfs below / { stays = 1 } END { exit stays }" /proc/self/mountinfo' 2>/dev/null
}
