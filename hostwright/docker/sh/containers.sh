# Observes the containers of a host, in one command however many there are, and changes nothing.
# ASK is the script (ask.sh) that is run by whoever an engine answers.
# needs: prelude snap as_user
# header: NONCE ASK
LIMIT=30 LIMIT_OF_ALL=90
number=0

# engine_of NAME [USER UID HOME]: what follows is said by it.
engine_of() {
    number=$((number + 1))
    section "engine $number"
    echo "name=$1"
    [ $# -eq 1 ] || printf 'owner=%s\nuid=%s\nhome=%s\n' "$2" "$3" "$4"
    [ $# -eq 1 ] || [ ! -e "/var/lib/systemd/linger/$2" ] || echo lingers=yes
    section "said $number"
}

section asker
id -un
# Podman first: where the client of docker asks it, too, a container is its own.
for engine in podman docker; do
    command -v $engine >/dev/null || continue
    # podman-docker has a docker that is podman.
    case $engine:$($engine --version 2>/dev/null) in docker:*podman*) continue ;; esac
    engine_of $engine
    sh -c "$ASK" ask $engine </dev/null
done

[ "$(id -u)" = 0 ] || exit 0
# Of users that anything runs for (they have a directory in /run/user) what shows that they have one of their own, as
# UID NAME. As root only names are looked at; what users mount may hang.
signs() {
    printf '%s\n' "$users" | awk -F : '{ print $6 "/.local/share/docker"; print $6 "/.local/share/containers" }' |
        xargs -d '\n' timeout -s KILL 10 sh -c 'find "$@" -maxdepth 0 -type d -printf "%U %f\n"
            find /run/user -mindepth 2 -maxdepth 2 \( -name docker.sock -type s -o -name libpod -type d \) \
                -printf "%U %f\n"
            true' find 2>/dev/null
}
set --
for place in /run/user/[1-9]*; do case ${place##*/} in *[!0-9]*) ;; *) set -- "$@" "${place##*/}" ;; esac; done
[ $# -gt 0 ] || exit 0
users=$(timeout 10 getent passwd "$@") || [ $? -eq 2 ] ||
    { section unlooked && echo 'getent passwd does not tell whose they are' && exit 0; }
found=$(signs) || { section unlooked && echo 'their homes, or what is in /run/user, do not answer'; }
read -r now _ </proc/uptime
end=$((${now%.*} + LIMIT_OF_ALL))
printf '%s\n' "$users" "$found" | awk -F '[: ]' -v OFS='\t' '
    /:/ { split($0, field, ":"); entry[field[3]] = field[1] "\t" field[6]; next }
    $1 in entry { print $1, ($2 ~ /docker/ ? "docker" : "podman"), entry[$1] }' | sort -u |
    while IFS='	' read -r uid engine user home; do
        engine_of "$engine" "$user" "$uid" "$home"
        read -r now _ </proc/uptime
        if [ "${now%.*}" -ge $end ]; then
            echo "error=it was not asked: those of others took $LIMIT_OF_ALL s"
        elif ! command -v "$engine" >/dev/null; then
            echo "error=there is no $engine where the system has its programs"
        else
            as_user "$user" "$uid" "$home" $LIMIT "$ASK" ask "$engine"
        fi
    done
true
