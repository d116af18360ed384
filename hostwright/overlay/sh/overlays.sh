# Observes overlays, what they are made of, and what a boot finds of them, and changes nothing. TARGETS, LOWERS, UPPERS,
# WORKS and INDEXED (uppers whose lowers the kernel is to compare) are paths, one a line.
# needs: prelude fstab every_process kept_namespaces
# header: NONCE TARGETS LOWERS UPPERS WORKS INDEXED

each() { xargs -r -d '\n' "$@"; }
once() { awk 'NF && !known[$0]++'; }

# What awk needs to tell the layers of an overlay; `typed` is given each that is an absolute path of one line.
layer_words="$fstab_words"'
function layer(at) { if (at ~ /^\// && index(at, "\n") == 0) typed(at) }
function layers(text, colon,   out) {
    out = ""
    while (match(text, /[\\:]/)) {
        if (substr(text, RSTART, 1) == ":" && colon) {
            layer(out substr(text, 1, RSTART - 1))
            out = ""
            text = substr(text, RSTART + 1)
        } else {
            if (substr(text, RSTART, 1) == "\\") sub(/\\/, "", text)
            out = out substr(text, 1, RSTART)
            text = substr(text, RSTART + 1)
        }
    }
    layer(out text)
}
function all_layers(line, lowers,   option, i, n) {
    sub(/^.* - overlay [^ ]* /, "", line)
    n = split(line, option, ",")
    for (i = 1; i <= n; i++) {
        if (sub(/^(upper|work)dir=/, "", option[i])) layers(plain(option[i]), 0)
        else if (lowers && sub(/^lowerdir=/, "", option[i])) layers(plain(option[i]), 1)
        else if (lowers && sub(/^lowerdir\+=/, "", option[i])) layer(plain(option[i]))
    }
}'

# running_layers: upper and work of all overlays here, and the lowers of those on targets.
running_layers() {
    AT=$real_targets awk "$layer_words"'
        function typed(at) { print at }
        BEGIN { n = split(ENVIRON["AT"], at, "\n"); for (i = 1; i <= n; i++) wanted[at[i]] = 1 }
        / - overlay / { all_layers($0, plain($5) in wanted) }' /proc/self/mountinfo
}

# above: of each path what there is of it: itself, or the nearest directory above.
above() {
    local path
    while IFS= read -r path; do
        until [ -e "$path" ]; do
            path=${path%/*}
            path=${path:-/}
        done
        printf '%s\n' "$path"
    done
}

# others_in NAME DIRECTORY INNER EXPRESSION: what is in INNER of it that does not match.
others_in() {
    [ -d "$2$3" ] || return 0
    section "$1 $2"
    { ls -A -U -b -- "$2$3" || echo /unreadable; } | grep -avE -e "$4" | head -n 3
}

# other_namespaces: overlays of mount namespaces that are not ours, and are no mounts of what is mounted here, too:
# lines of /proc/PID/mountinfo, or of file1, file2 and so on with `kept file1 FILE` before them.
other_namespaces() {
    local tries seen chosen pid lines
    tries=0
    while :; do
        tries=$((tries + 1))
        [ $tries -lt 6 ] || return 1
        all_pids || return 1
        seen=$({ of_all 'root ns/mnt' 'find -L "$@" -maxdepth 0 -printf "%D:%i %p\n"' && echo end; }) || return 1
        is_ended "$seen" || continue
        # A process that is in a root of its own sees those mounts alone that are below it.
        chosen=$(printf '%s\n' "$seen" | awk -v self=$$ '
            $1 == "end" { next }
            { split($2, part, "/"); pid = part[3] }
            part[4] == "root" { top[pid] = $1; next }
            { space[pid] = $1; if (pid == self) own = $1 }
            END {
                if (own == "") exit 1
                for (pid in space) if (space[pid] != own && !known[space[pid], top[pid]]++) print pid
            }') || return 1
        lines=$(for pid in $chosen; do echo "/proc/$pid/mountinfo"; done | xargs -r grep -sHF ' - overlay ') ||
            [ $? -eq 123 ] || return 1
        # What has gone may have left others where it was.
        for pid in $chosen; do [ -d "/proc/$pid" ] || continue 2; done
        break
    done
    seen=$(kept_namespaces) || return 1
    printf '%s\n' "$lines" "$seen" | awk '
        FILENAME == "/proc/self/mountinfo" { here[$3] = 1; next }
        $1 == "kept" || / - overlay / && !($3 in here)' /proc/self/mountinfo -
}

# identities LINES: what their layers are: DEVICE:INODE, and the path that leads there.
identities() {
    local paths
    paths=$(printf '%s\n' "$1" | awk "$layer_words"'
        function typed(at) { print root at }
        /^\/proc\/[0-9]+\/mountinfo:/ { root = $1; sub(/mountinfo:.*/, "root", root); all_layers($0, 0) }') || return 1
    printf '%s\n' "$paths" | once | each stat -L -c '%d:%i %n' -- 2>/dev/null
    [ $? -le 123 ]
}

# origin UPPER: the first lower that it was mounted with under index=on, as a file handle (struct ovl_fb).
origin() {
    # Where it cannot be told, the kernel refuses.
    tar --xattrs --xattrs-include=trusted.overlay.origin --no-recursion -c -C "$1" . | od -An -v -tx1 | tr -d ' \n' |
        sed -n 's/.*747275737465642e6f7665726c61792e6f726967696e3d\(00fb[0-9a-f]\{0,120\}\).*/\1/p'
}

section who
id -un && id -u || exit 1
[ "$(id -u)" = 0 ] || exit 0
section host
echo "kernel=$(uname -r)"
mount --version | sed -n 's/.*util-linux[- ]\([0-9]*\.[0-9]*\).*/util_linux=\1/p'
[ ! -d /run/systemd/system ] || systemctl --version | sed -n '1s/^[a-z]* \([0-9]*\).*/systemd=\1/p'
grep -qw overlay /proc/filesystems || [ -d /sys/module/overlay ] ||
    [ -n "$(find "/lib/modules/$(uname -r)" -name 'overlay.ko*' 2>/dev/null)" ] || echo lacks=yes
section parameters
for file in /sys/module/overlay/parameters/*; do
    [ ! -r "$file" ] || { read -r value <"$file" && echo "${file##*/}=$value"; }
done
section mountinfo
cat /proc/self/mountinfo || exit 1
section fstab
[ ! -e /etc/fstab ] || cat /etc/fstab || exit 1
# Where container engines were told to keep what they have.
section engines
sed -n 's/.*"\(data-root\|graph\)"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\2/p' /etc/docker/daemon.json 2>/dev/null
# A file need not end with its last line.
echo
sed -n 's/^[[:space:]]*\(graphroot\|runroot\|root\|state\)[[:space:]]*=[[:space:]]*["'\'']\([^"'\'']*\).*/\2/p' \
    /etc/containers/storage.conf /etc/containerd/config.toml 2>/dev/null
section leftovers
for file in "$(readlink -f /etc/fstab).hostwright" "$(readlink -f /etc/fstab).hostwright-old"; do
    [ ! -e "$file" ] || printf '%s\n' "$file"
done

real_targets=$(printf '%s\n' "$TARGETS" | once | each readlink -m -- | once) || exit 1
running=$(running_layers) || exit 1
paths=$(printf '%s\n' "$TARGETS" "$LOWERS" "$UPPERS" "$WORKS" "$running" | once) || exit 1
real=$(printf '%s\n' "$paths" | each readlink -m --) || exit 1
section paths
printf '%s\n' "$paths"
section real
printf '%s\n' "$real"
there=$(printf '%s\n' "$real" | sed '/^$/d' | above) || exit 1
section above
printf '%s\n' "$there"
section stat
printf '%s\n' "$there" | each stat -c '%d %i %F' -- || exit 1
section room
printf '%s\n' "$there" | each stat -f -c '%S %a %c %d' -- || exit 1
section ftype
points=$(printf '%s\n' "$UPPERS" | each readlink -m -- | above | each stat -c %m -- | once) || exit 1
printf '%s\n' "$points" | while IFS= read -r point; do
    [ -n "$point" ] && [ "$(stat -f -c %T -- "$point")" = xfs ] || continue
    said=$(xfs_info "$point" 2>/dev/null | sed -n 's/.*ftype=\([01]\).*/\1/p')
    printf '%s %s\n' "${said:-unknown}" "$point"
done
section targets
printf '%s\n' "$real_targets"
printf '%s\n' "$real_targets" | while IFS= read -r target; do others_in target "$target" '' '^$'; done
printf '%s\n' "$WORKS" | once | each readlink -m -- | once | while IFS= read -r work; do
    others_in work "$work" '' '^(work|index)$'
    others_in work/work "$work" /work '^(#.*|incompat)$'
    others_in work/index "$work" /index '^(#.*|[0-9a-f]+)$'
    others_in work/work/incompat "$work" /work/incompat '^$'
done
case $(cat /sys/module/overlay/parameters/index 2>/dev/null) in [Y1]) INDEXED=$UPPERS ;; esac
printf '%s\n' "$INDEXED" | once | while IFS= read -r upper; do
    [ -d "$upper" ] || continue
    section "origin $upper"
    origin "$upper" || exit 1
done || exit 1

section units
if [ -d /run/systemd/system ]; then
    names=$(printf '%s\n' "$real_targets" | each systemd-escape -p --suffix=mount --) || exit 1
    # shellcheck disable=SC2086 # words
    printf '%s\n' $names
    section fragments
    # shellcheck disable=SC2086 # words
    [ -z "$names" ] || systemctl show -p Id -p FragmentPath -- $names || exit 1
    # A name's backslashes are meant; nothing else in it means anything to a shell.
    for name in $names; do
        [ -e "/etc/systemd/system/$name" ] || continue
        section "unit $name"
        sed 's/^/|/' "/etc/systemd/system/$name" || exit 1
    done
    section wants
    for name in $names; do
        for link in /etc/systemd/system/*.wants/"$name"; do [ ! -L "$link" ] || printf '%s\n' "$link"; done
    done
fi

others=$(other_namespaces) || exit 1
section others
printf '%s\n' "$others"
section identities
identities "$others" || exit 1
section told
