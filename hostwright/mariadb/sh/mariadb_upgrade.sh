# Upgrades the tables of a MariaDB to its server, by the server's own tool: what was cut off is done again from its
# beginning.
# needs: snap
# header: CONTAINER

upgrade() {
    local health
    health=$(docker inspect --type container --format '{{.State.Health.Status}}' "$CONTAINER") || return 1
    [ "$health" = healthy ] || {
        echo "$CONTAINER is ${health:-of unknown health}: its data were not upgraded; see docker logs $CONTAINER" >&2
        return 1
    }
    # In the container root is root by the socket. A tool whose connection was lost goes on there, and some take no
    # lock.
    docker exec "$CONTAINER" sh -c '
        tool=$(command -v mariadb-upgrade || command -v mysql_upgrade) || {
            echo "it has neither mariadb-upgrade nor mysql_upgrade: its data were not upgraded" >&2
            exit 1
        }
        if grep -qsx -e mariadb-upgrade -e mysql_upgrade /proc/[0-9]*/comm; then
            echo "an earlier ${tool##*/} is still at work in it: run this again when that has ended" >&2
            exit 1
        fi
        "$tool" --no-defaults --protocol=socket --user=root || exit
        grep -qs "^$(cut -d . -f 1,2 /var/lib/mysql/hostwright-server)\." \
            /var/lib/mysql/mariadb_upgrade_info /var/lib/mysql/mysql_upgrade_info || {
            echo "${tool##*/} ended well, and has not noted that among the data" >&2
            exit 1
        }'
}
