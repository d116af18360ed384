# Adds what was decided to the record of what ran once on the data of a MariaDB.
# `data` prints the lines, as base64.
# needs: snap plain
# header: RECORD CONTAINER

decide() {
    local running old new
    # It is started again by the next operation, when what it runs has its new contents.
    running=$(docker ps -q --no-trunc --filter "name=^/$CONTAINER\$") || return 1
    [ -z "$running" ] || docker stop "$CONTAINER" >/dev/null || return 1
    old=$(read_plain "$RECORD") ||
        { echo "$RECORD is no file that can be read: look at who put it there, and remove it" >&2; return 1; }
    new=$(data | base64 -d) && [ -n "$new" ] && put_plain "$RECORD" "${old:+$old
}$new"
}
