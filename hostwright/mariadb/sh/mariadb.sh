# Observes what a MariaDB in a container has to do with on its host, and changes nothing. DATA is its
# directory, RECORD what of it says which commands ran once, IMAGE what the container is made from, or nothing.
# needs: prelude plain engine mariadb_users
# header: NONCE DATA RECORD CONTAINER IMAGE
section data
[ "$(id -u)" = 0 ] || echo "user=$(id -un)"
[ ! -d "$DATA/mysql" ] || echo server=yes
for name in "${RECORD##*/}" hostwright-server mariadb_upgrade_info mysql_upgrade_info; do
    read_plain "$DATA/$name" >/dev/null || echo "odd=$name"
done
newest() { grep -a '^[0-9]' | cut -c 1-40 | sort -t . -k 1,1n -k 2,2n -k 3,3n | tail -n 1; }
# MariaDB's own say what its tables are of, and not what ran on them. Those of an upgrade that was cut off are empty.
upgraded=$({ read_plain "$DATA/mariadb_upgrade_info"; echo; read_plain "$DATA/mysql_upgrade_info"; } | newest)
version=$({ read_plain "$DATA/hostwright-server"; echo; echo "$upgraded"; } | newest)
if [ -n "$upgraded" ]; then
    echo "upgraded=$upgraded"
elif [ -e "$DATA/mariadb_upgrade_info" ] || [ -e "$DATA/mysql_upgrade_info" ]; then
    echo upgraded=cut
fi
[ -z "$version" ] || echo "version=$version"
section record
read_plain "$RECORD"
echo
section others
# What is there without a server having been there; what we ourselves may have left half made is none of it.
if [ -d "$DATA" ] && [ ! -d "$DATA/mysql" ] && [ ! -e "$DATA/hostwright-filling" ]; then
    find "$DATA" -mindepth 1 -maxdepth 1 ! -name 'hostwright-*' ! -name lost+found | head -n 5
fi
if listening=$(ss -ltnp 2>/dev/null); then
    section listeners
    printf '%s\n' "$listening" | awk 'NR > 1 { print $4 "\t" $6 }'
fi
# Of another machine nothing is to be learnt; compose refuses it.
command -v docker >/dev/null && ! elsewhere docker || exit 0
section users
others_on_data look || { section unsaid && printf '%s\n' "$unsaid"; }
if published=$(docker ps --format '{{.Names}}	{{.Ports}}' 2>/dev/null); then
    section ports
    printf '%s\n' "$published"
fi
# Asked only where it has not run on these data yet: a container is started for it.
if [ -n "$IMAGE" ] && [ -d "$DATA/mysql" ]; then
    is=$(docker image inspect --format '{{.Id}}' "$IMAGE" 2>/dev/null)
    ran=$(docker inspect --type container --format '{{.Image}}' "$CONTAINER" 2>/dev/null)
    if [ -z "$is" ]; then
        section image
        echo absent
    elif [ "$is" != "$ran" ]; then
        section image
        docker run --rm --network none --entrypoint sh "$IMAGE" -c '
            $(command -v mariadbd || command -v mysqld) --version
            command -v mariadb-upgrade || command -v mysql_upgrade' 2>/dev/null
    fi
fi
true
