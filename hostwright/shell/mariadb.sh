# Observes what a MariaDB in a container has to do with on its host, and changes nothing. The header sets DIRECTORY (its data),
# CONTAINER, and IMAGE (that it is made from, or nothing).
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
section data
[ ! -d "$DIRECTORY/mysql" ] || echo server=yes
# Its own file is there only once it has upgraded its data; the other one is ours.
version=$(cat "$DIRECTORY/hostwright-server" "$DIRECTORY/mariadb_upgrade_info" "$DIRECTORY/mysql_upgrade_info" 2>/dev/null |
    grep '^[0-9]' | cut -c 1-40 | sort -t . -k 1,1n -k 2,2n -k 3,3n | tail -n 1)
[ -z "$version" ] || echo "version=$version"
section record
cat "$DIRECTORY/hostwright-once" 2>/dev/null
echo
section others
# What is there without a server having been there; what we ourselves may have left half made is none of it.
if [ -d "$DIRECTORY" ] && [ ! -d "$DIRECTORY/mysql" ] && [ ! -e "$DIRECTORY/hostwright-filling" ]; then
    find "$DIRECTORY" -mindepth 1 -maxdepth 1 ! -name 'hostwright-*' ! -name lost+found | head -n 5
fi
section listeners
ss -ltnp 2>/dev/null | awk 'NR > 1 { print $4 "\t" $6 }'
command -v docker >/dev/null || exit 0
section users
docker ps -q 2>/dev/null | xargs -r docker inspect --format '{{.Name}}{{range .Mounts}} {{.Source}}{{end}}' 2>/dev/null |
    awk -v directory="$DIRECTORY" -v own="/$CONTAINER" '$1 != own { for (i = 2; i <= NF; i++) if ($i == directory) print substr($1, 2) }'
section ports
docker ps --format '{{.Names}}	{{.Ports}}' 2>/dev/null
# Asked only where it has not run on these data yet: a container is started for it.
if [ -n "$IMAGE" ] && [ -d "$DIRECTORY/mysql" ] && ! docker inspect "$CONTAINER" >/dev/null 2>&1 && docker image inspect "$IMAGE" >/dev/null 2>&1; then
    section image
    docker run --rm --network none --entrypoint sh "$IMAGE" -c '$(command -v mariadbd || command -v mysqld) --version' 2>/dev/null
fi
true
