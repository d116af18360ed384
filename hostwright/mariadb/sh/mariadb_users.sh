# Who else has to do with the data directory of a MariaDB: asked before its container is started, in the same command.
# PROJECT is the compose project that it is of.
# needs: every_process ownership engine
# header: DATA CONTAINER PROJECT
# sets: unsaid

# others_on_data WHEN: who it is, a line of words for each. Fails where it could not be looked; why is in unsaid then.
# Unless something is to be started, nobody looks for servers beside a container of ours that runs.
others_on_data() {
    local inodes real own
    unsaid='it could not be looked through'
    data_inodes && containers_on_data && hands_on_way || return 1
    [ "$1" != start ] && [ -n "$own" ] || { servers_on_data && units_on_data; }
}

may_start() {
    local others
    others=$(others_on_data start || { echo "who else uses it cannot be told: $unsaid"; exit 1; }) &&
        [ -z "$others" ] && return
    echo "mariadb_data_dir = $DATA: $(printf '%s\n' "$others" | head -n 1); nothing was started" >&2
    return 1
}

# data_inodes: sets inodes, lines KIND<TAB>DEVICE:INODE: of all that is in the directory, and `up` for it and what is
# above it.
data_inodes() {
    local path above
    real=$(readlink -m "$DATA") || return 1
    path=$real above=''
    while :; do
        [ ! -e "$path" ] || above="$above$path
"
        [ "$path" != / ] || break
        path=${path%/*}
        path=${path:-/}
    done
    inodes=$(printf %s "$above" | xargs -d '\n' stat -L -c 'up	%d:%i' -- &&
        { [ ! -d "$DATA" ] || find -H "$DATA" -ignore_readdir_race -mindepth 1 -printf '%y	%D:%i\n'; })
}

# containers_on_data: those that may write there, running or not; sets own, the first processes of our containers.
containers_on_data() {
    local form places found
    form='{"id":"{{.Id}}"}	{{.Name}}	{{.State.Status}}	{{.State.Pid}}	'
    form="$form"'{{json (index .Config.Labels "com.docker.compose.project")}}{{range .Mounts}}{{if .RW}}
mount	{{.Source}}{{end}}{{end}}'
    tell_containers docker "$form" docker ps -aq --no-trunc ||
        { unsaid="docker does not tell its containers: $untold"; return 1; }
    own=''
    places=$(printf '%s\n' "$told" | sed -n 's/^mount	//p' | sort -u |
        xargs -r -d '\n' stat -L -c 'at	%d:%i	%n' -- 2>/dev/null) || [ $? -eq 123 ] || return 1
    found=$(printf '%s\n' "$inodes" "$places" "$told" |
        DATA=$DATA awk -F '\t' -v name="$CONTAINER" -v project="\"$PROJECT\"" '
        $1 == "at" { place = $0; sub(/^[^\t]*\t[^\t]*\t/, "", place); inode[place] = $2; next }
        $1 ~ /^[{]/ {
            who = $2; state = $3
            sub(/^\//, "", who)
            ours = who == name || $5 == project
            if (ours && $4 > 0) print "own\t" $4
            next
        }
        $1 == "mount" {
            place = substr($0, 7)
            if (!ours && !(who in said) && (place == ENVIRON["DATA"] || place in inode && inode[place] in data)) {
                said[who]
                printf "other\tcontainer %s (%s) may write there: ", who, state
                print "docker rm -f " who ", if nobody needs it, or choose another directory"
            }
            next
        }
        NF == 2 { data[$2]; next }
        NF { exit 1 }') || return 1
    own=$(printf '%s\n' "$found" | sed -n 's/^own	//p')
    printf '%s\n' "$found" | sed -n 's/^other	//p'
}

# hands_on_way: whoever can put another directory in its place leads root there.
hands_on_way() {
    local one other on_way hands uid user mode kind path
    one=${DATA%/*} other=${real%/*}
    on_way=$(way "${one:-/}" && way "${other:-/}") && hands=$(other_hands "$(printf '%s\n' "$on_way" | sort -u)") ||
        return 1
    # shellcheck disable=SC2034 # what is not asked for keeps its place
    [ -z "$hands" ] || printf '%s\n' "$hands" | while IFS='	' read -r uid user mode kind path; do
        echo "$path on its way is $user's (mode $mode), who could put another directory in its place:" \
            "chown root '$path' && chmod go-w '$path', or choose another one"
    done
}

# servers_on_data: processes that have files in it open, or hold locks on them, but for those of our own containers. Who
# only reads what our own server runs on is no server.
servers_on_data() {
    local writers device found here nl spaces pid how space who unit
    [ -d "$DATA" ] || return 0
    writers=''
    [ -z "$own" ] || writers='-perm -200'
    # On btrfs the kernel's locks tell another device than stat does.
    device=$(findmnt -n -o MAJ:MIN --target "$DATA") && all_pids || return 1
    found=$({
        printf '%s\n' "$inodes" "device	$device"
        of_all fd "find \"\$@\" -mindepth 1 -maxdepth 1 -type l $writers -exec stat -L -c 'fd	%d:%i	%n' {} +" &&
            awk '{
                for (i = 1; i < NF; i++)
                    if ($(i + 1) ~ /^[0-9a-f]+:[0-9a-f]+:[0-9]+$/) { print "lock\t" $(i + 1) "\t" $i; break }
            }' /proc/locks && echo end
    } | awk -F '\t' '
        function number(text,   i, n) {
            for (i = 1; i <= length(text); i++) n = n * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
            return n
        }
        $1 == "end" { ended = 1 }
        $1 == "device" { device = $2; sub(/^ */, "", device) }
        NF == 2 && $1 != "up" && $1 != "d" { data[$2]; split($2, part, ":"); inode[part[2]] }
        $1 == "fd" && $2 in data {
            split($3, part, "/")
            how[part[3]] = how[part[3]] ? how[part[3]] : "has files in it open"
        }
        $1 == "lock" {
            split($2, part, ":"); major = number(part[1]); minor = number(part[2])
            if ((major % 4096 * 256 + minor % 256 + (minor - minor % 256) * 4096 ":" part[3]) in data ||
                (major ":" minor) == device && part[3] in inode) how[$3] = "holds locks in it"
        }
        END { for (pid in how) print pid "\t" how[pid]; if (ended) print "end" }')
    is_ended "$found" || return 1
    here=$(stat -L -c %i /proc/self/ns/pid) || return 1
    nl='
'
    spaces=$(for pid in $own; do stat -L -c %i "/proc/$pid/ns/pid" 2>/dev/null; done)
    printf '%s\n' "${found%end}" | while IFS='	' read -r pid how; do
        [ -n "$pid" ] || continue
        space=$(stat -L -c %i "/proc/$pid/ns/pid" 2>/dev/null)
        case "$space:$how" in ':has files'*) continue ;; :*) [ -z "$own" ] || continue ;; esac
        case $nl$spaces$nl in *"$nl${space:-none}$nl"*) [ "$space" = "$here" ] || continue ;; esac
        who=$(tr -cd '[:print:]' 2>/dev/null <"/proc/$pid/comm")
        unit=$(sed -n 's|.*/\([A-Za-z0-9:_.@\\-]*\.service\)$|\1|p' "/proc/$pid/cgroup" 2>/dev/null |
            tail -n 1)
        echo "process ${who:-of somebody} (pid $pid${unit:+, $unit}) $how:" \
            "stop it for good${unit:+ (systemctl disable --now $unit)}, or choose another directory"
    done
}

# units_on_data: services of the host that would start a server on it, at the next boot if not now.
units_on_data() {
    local shown servers said file known inode unit place one
    command -v systemctl >/dev/null || return 0
    shown=$(systemctl show -p Id -p ActiveState -p UnitFileState -p ExecStart '*.service' 2>/dev/null) || {
        [ -d /run/systemd/system ] || return 0
        unsaid='systemctl does not tell the units'
        return 1
    }
    servers=$(printf '%s\n' "$shown" | awk 'BEGIN { RS = ""; FS = "\n" } {
        id = line = ""; active = enabled = 0
        for (i = 1; i <= NF; i++) {
            if ($i ~ /^Id=/) id = substr($i, 4)
            if ($i ~ /^ActiveState=(active|activating|reloading|deactivating)$/) active = 1
            if ($i ~ /^UnitFileState=(enabled|generated|linked)/) enabled = 1
            if ($i ~ /^ExecStart=/) line = line " " substr($i, 11)
        }
        if (!active && !enabled || line !~ /[\/ ](mariadbd|mysqld)([_-]safe|[_-]multi)?( |;)/ &&
            line !~ /\/init\.d\/(mariadb|mysqld?)( |;)/) next
        place = match(line, /--datadir[= ][^ ;]+/) ? substr(line, RSTART + 10, RLENGTH - 10) : "-"
        print id "\t" place
    }') || return 1
    [ -n "$servers" ] || return 0
    said=$(for file in "${ETC:-/etc}"/my.cnf "${ETC:-/etc}"/my.cnf.d "${ETC:-/etc}"/mysql; do
        [ ! -e "$file" ] || grep -Rhs '^[[:space:]]*datadir[[:space:]]*=' "$file" || [ $? -eq 1 ] || exit 1
    done) || { unsaid='the configuration of the servers of this host cannot be read'; return 1; }
    known=$(printf '%s\n' "$said" |
        sed 's/^[^=]*=[[:space:]]*//; s/[[:space:]]*\(#.*\)\{0,1\}$//; s/^["'\'']//; s/["'\'']$//')
    inode=$(stat -L -c %d:%i "$DATA" 2>/dev/null)
    printf '%s\n' "$servers" | while IFS='	' read -r unit place; do
        [ "$place" != - ] || place="$known
/var/lib/mysql"
        printf '%s\n' "$place" | while IFS= read -r one; do
            [ -n "$one" ] && { [ "$(stat -L -c %d:%i "$one" 2>/dev/null)" = "${inode:-none}" ] ||
                case $real/ in "$(readlink -m "$one")"/*) ;; *) false ;; esac; } || continue
            echo "$unit of this host serves it: systemctl disable --now $unit, or choose another directory"
            break
        done
    done
}
