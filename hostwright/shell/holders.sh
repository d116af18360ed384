# Who keeps a file system busy. Shared by the fact that reports it and by the job that must be sure of it.

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

# is_own PID LOGIN: PID is LOGIN, comes from it, or is an ancestor of ours.
is_own() {
    case " $ancestors " in *" $1 "*) return 0 ;; esac
    pid=$1
    while [ "${pid:-0}" -gt 1 ]; do
        [ "$pid" = "$2" ] && return 0
        pid=$(parent_of "$pid")
    done
    return 1
}

escaped() { printf '%s' "$1" | sed 's/\\/\\134/g; s/ /\\040/g; s/	/\\011/g'; }

# device_at DIRECTORY: MAJOR:MINOR of what is mounted on it, nothing where nothing is.
device_at() { awk -v at="$(escaped "$1" | sed 's/\\/\\\\/g')" '$5 == at { found = $3 } END { if (found) print found }' /proc/self/mountinfo; }

# holders DIRECTORY LOGIN: a line for each thing that keeps the file system mounted there from being unmounted:
# process<TAB>PID<TAB>USER<TAB>UNIT<TAB>HOW<TAB>COMMAND, or KIND<TAB>WHAT.
holders() {
    at=$1 login=$2
    number=$(stat -c %d "$at")
    device=$(device_at "$at")
    hex=$(echo "$device" | awk -F: '{ printf "%02x:%02x", $1, $2 }')
    groups=$(awk -v device="$device" '$3 == device' /proc/self/mountinfo | grep -o 'shared:[0-9]*' | sed 's/shared://' | tr '\n' ' ')
    ancestors='' pid=$$
    while [ "${pid:-0}" -gt 0 ]; do
        ancestors="$ancestors $pid"
        pid=$(parent_of "$pid")
    done
    {
        find -L /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/exe -maxdepth 0 -printf '%D %p\n'
        find -L /proc/[0-9]*/fd -mindepth 1 -maxdepth 1 -printf '%D %p\n'
        grep -H " $hex " /proc/[0-9]*/maps | sed "s|^\(/proc/[0-9]*/maps\):.*|$number \1|"
        # A mount that receives our unmount (same peer group, or its slave) goes away with it; any other one stays.
        grep -H " $device " /proc/[0-9]*/mountinfo | awk -v groups=" $groups" -v number="$number" '{
            split($1, name, ":"); free = 1
            for (i = 7; i <= NF && $i != "-"; i++) if (split($i, tag, ":") == 2 && index(groups, " " tag[2] " ")) free = 0
            if (free) print number, name[1]
        }'
    } 2>/dev/null | awk -v number="$number" '$1 == number { split($2, part, "/"); print part[3], part[4] }' | sort -u -k1,1n -k2,2 |
        awk '{ how[$1] = how[$1] (how[$1] ? "," : "") $2 } END { for (pid in how) print pid, how[pid] }' | sort -n |
        while read -r pid how; do
            holder=$pid
            [ -d "/proc/$holder" ] || continue
            is_own "$holder" "$login" && continue
            unit=$(sed -n 's|^.*/\([^/]*\.service\)$|\1|p' "/proc/$holder/cgroup" 2>/dev/null | grep -v '^user@' | head -n 1)
            how=$(echo "$how" | sed 's/cwd/working directory/; s/fd/open file/; s/exe/program/; s/maps/mapped file/; s/mountinfo/mount namespace/; s/root/root directory/')
            printf 'process\t%s\t%s\t%s\t%s\t%s\n' "$holder" "$(stat -c %U "/proc/$holder" 2>/dev/null)" "${unit:--}" "$how" \
                "$(tr '\0\n\t' '   ' <"/proc/$holder/cmdline" 2>/dev/null | cut -c 1-120)"
        done
    for loop in /sys/block/loop*/loop/backing_file; do
        [ -r "$loop" ] || continue
        file=$(cat "$loop")
        [ "$(stat -c %d "$file" 2>/dev/null)" != "$number" ] || printf 'loop device\t%s\n' "$file"
    done
    awk '$2 == "file" { print $1 }' /proc/swaps | while read -r file; do
        [ "$(stat -c %d "$file" 2>/dev/null)" != "$number" ] || printf 'swap file\t%s\n' "$file"
    done
    [ ! -r /var/lib/nfs/etab ] || awk '{ print $1 }' /var/lib/nfs/etab | sort -u | while read -r path; do
        case $path in "$at" | "$at"/*) printf 'NFS export\t%s\n' "$path" ;; esac
    done
}

# steady_holders DIRECTORY LOGIN: those of its holders that are still there a moment later, and again. Who only opens a
# file now and then keeps nothing busy.
steady_holders() {
    steady=$(holders "$1" "$2" | sort)
    for moment in 0.5 1; do
        [ -n "$steady" ] || return 0
        sleep $moment
        steady=$(holders "$1" "$2" | sort | steady=$steady awk 'BEGIN { n = split(ENVIRON["steady"], line, "\n"); for (i = 1; i <= n; i++) was[line[i]] = 1 } $0 in was')
    done
    printf '%s\n' "$steady"
}
