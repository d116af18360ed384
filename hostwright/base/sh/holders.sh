# Who keeps a file system busy. Shared by the facts that report it and by the job that must be sure of it.
# needs: every_process mountpoints foreign_mounts units_of

# holders DIRECTORY LOGIN: a line for each thing that keeps the file system mounted there from being unmounted:
# process<TAB>PID<TAB>USER<TAB>UNIT<TAB>HOW<TAB>COMMAND, or KIND<TAB>WHAT. Fails where it could not be looked.
holders() {
    local at login number device tries held
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

# busy_processes: held PID HOW for each that is neither LOGIN, nor comes from it, nor is an ancestor of ours; mount
# POINT for each mount that is in the way here.
busy_processes() {
    local pids seen mounts kept
    all_pids || return 1
    seen=$({
        of_all 'cwd root exe ns/mnt' 'find -L "$@" -maxdepth 0 -printf "%D %i %p\n"' &&
            of_all fd 'find -L "$@" -mindepth 1 -maxdepth 1 -printf "%D - %p\n"' &&
            of_all maps "grep -sHF ' $(echo "$device" | awk -F: '{ printf "%02x:%02x", $1, $2 }') ' \"\$@\"" && echo end
    } | awk -v number="$number" -v self=$$ '
        BEGIN {
            split("cwd working directory,exe program,fd open file,maps mapped file,root root directory", ways, ",")
        }
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
    kept=$({
        printf '%s\n' "$seen" "$mounts" && of_all status 'grep -sH ^PPid: "$@"' && echo end
    } | awk -v login="$login" -v self=$$ '
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

# described HELD: the lines of what busy_processes found. Whoever reads the words of a command reads its process's
# memory, where that can make them wait for ever: it is named without them then.
described() {
    local pids cgroups units lines
    pids=$(printf '%s\n' "$1" | awk '$1 == "held" { print $2 }') || return 1
    printf '%s\n' "$1" | awk '$1 == "mount" && !known[$2]++ { print $1 "\t" $2 }' || return 1
    [ -n "$pids" ] || return 0
    cgroups=$(of_all cgroup 'grep -sH . "$@"') && units=$(printf '%s\n' "$cgroups" | units_of) || return 1
    lines=$({
        printf '%s\n' "$1" "$units" && of_all . 'stat -c "user %n %U" "$@"' &&
            of_all cmdline '{
                timeout -k 1 5 grep -szaH "" "$@"
                case $? in [012] | 124 | 137) ;; *) exit 255 ;; esac
            } | tr "\000\001-\037\177" "\n[ *]"' && echo end
    } | awk '
        $1 == "end" { ended++; next }
        $1 == "held" { pid = $2; sub(/^held [0-9]+ /, ""); how[pid] = $0 }
        $1 == "unit" { unit[$2] = $3 }
        $1 == "user" { split($2, part, "/"); user[part[3]] = $3 }
        /^\/proc/ {
            split($1, part, "/")
            command[part[3]] = substr(command[part[3]] substr($0, index($0, ":") + 1) " ", 1, 120)
        }
        END {
            for (pid in how) if (pid in user)
                printf "process\t%s\t%s\t%s\t%s\t%s\n", pid, user[pid], (pid in unit ? unit[pid] : "-"), how[pid],
                    command[pid]
            if (ended == 2) print "end"
        }')
    is_ended "$lines" || return 1
    printf '%s' "${lines%end}" | sort -t '	' -k 2,2n
}

# loops, swaps, exports: what the kernel itself has open or gives away.
loops() {
    local backing
    backing=$(losetup -l -O BACK-MAJ:MIN,BACK-FILE) || return 1
    printf '%s\n' "$backing" | awk -v number="$number" '$1 ~ /^[0-9]+:[0-9]+$/ {
        split($1, part, ":")
        if (part[1] % 4096 * 256 + part[2] % 256 + (part[2] - part[2] % 256) * 4096 != number) next
        sub(/^ *[0-9:]+ +/, ""); print "loop device\t" $0
    }'
}

swaps() {
    local files file on
    files=$(awk '$2 == "file" { print $1 }' /proc/swaps) || return 1
    for file in $files; do
        # One that cannot be looked at, such as a deleted one, may well be here.
        on=$(stat -c %d "$(printf "$(printf %s "$file" | sed 's/%/%%/g')")" 2>/dev/null) || on=$number
        [ "$on" != "$number" ] || printf 'swap file\t%s\n' "$file"
    done
}

exports() {
    [ -e /var/lib/nfs/etab ] || return 0
    AT=$at awk '($1 == ENVIRON["AT"] || index($1, ENVIRON["AT"] "/") == 1) && !known[$1]++ {
        print "NFS export\t" $1
    }' /var/lib/nfs/etab
}

# steady_holders DIRECTORY LOGIN: those of its holders that are still there a moment later, and again. Who only opens a
# file now and then keeps nothing busy.
steady_holders() {
    local steady moment now
    steady=$(holders "$1" "$2") || return 1
    for moment in 0.5 1; do
        [ -n "$steady" ] || return 0
        sleep $moment
        now=$(holders "$1" "$2") || return 1
        steady=$(printf '%s\n' "$steady" "@@" "$now" |
            awk '$0 == "@@" { again = 1; next } again { if ($0 in was) print; next } { was[$0] = 1 }') || return 1
    done
    printf '%s' "${steady:+$steady
}"
}
