# How far long work has come.
# needs: prelude
# sets: watcher

mebibytes() { echo "$(($1 / 1048576)).$(($1 % 1048576 * 10 / 1048576)) MiB"; }

# watch LABEL TOTAL COUNTER...: says every 3 s how far COUNTER, a command that prints bytes, has come; ended by unwatch.
watch() {
    local label total start first last bytes seconds rate left
    label=$1 total=$2
    shift 2
    (
        trap - HUP INT TERM
        start=$(date +%s) first=$("$@") last=-1
        while sleep 3 && kill -0 $$ 2>/dev/null; do
            bytes=$(($("$@") - first)) seconds=$(($(date +%s) - start))
            [ "$bytes" -ge 0 ] || bytes=0
            [ "$bytes" -le "$total" ] || bytes=$total
            [ "$seconds" -gt 0 ] || seconds=1
            rate=$((bytes / seconds))
            left='time left unknown'
            [ "$rate" -eq 0 ] || left="$(((total - bytes) / rate)) s left"
            say "    $label: $(mebibytes $bytes) of $(mebibytes $total), $(mebibytes $rate)/s, $left"
        done
    ) &
    watcher=$!
}

unwatch() {
    kill "$watcher" 2>/dev/null
    wait "$watcher" 2>/dev/null
    return 0
}
