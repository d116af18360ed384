# Observes the data directory of a MariaDB that runs in a container, and changes nothing.
echo '@@ data'
[ ! -d "$DIRECTORY/mysql" ] || echo server=yes
echo '@@ record'
cat "$DIRECTORY/hostwright-once" 2>/dev/null
echo
