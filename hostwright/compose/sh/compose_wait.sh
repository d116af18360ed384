# Waits until a compose project is healthy, or says who is not, and why. Whoever brings it up sets work, a directory.
# needs: project
# header: NAME SERVICES LIMIT
# given: COMPOSE

# states: STATUS HEALTH CODE RESTARTS NAME SERVICE ONEOFF ENDED of each container, or of none: what is not told is not
# healthy. Those that `compose run` made for one command are none of their service's. Of a service in SERVICES that has
# none: `none`.
states() {
    local form ids said
    form='{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.ExitCode}}'
    form="$form"' {{.RestartCount}} {{.Name}} {{index .Config.Labels "com.docker.compose.service"}}'
    form="$form"' {{or (index .Config.Labels "com.docker.compose.oneoff") "-"}} {{.State.FinishedAt}}'
    ids=$(containers 2>"$work/error") &&
        said=$(printf '%s\n' "$ids" | xargs -r timeout -k 2 60 docker inspect --format "$form" 2>"$work/error") &&
        [ "$(printf '%s\n' "$said" | grep -c .)" -eq "$(printf '%s\n' "$ids" | grep -c .)" ] &&
        printf '%s\n' "$said" | awk -v services="${SERVICES-}" '
            BEGIN { count = split(services, names); for (i = 1; i <= count; i++) wanted[names[i]] }
            NF && $7 != "True" && (!count || ($6 in wanted)) { there[$6]; print }
            END { for (i = 1; i <= count; i++) if (!(names[i] in there)) print "none - 0 0 -", names[i] }'
}

# looked: sets untold, or writes who is not well, the likeliest cause first: FINAL (yes or no) RANK ENDED NAME, and what
# is said of it. To end and be started again is how some wait for others: that counts once all others have come up.
looked() {
    local coming
    untold=''
    if ! states >"$work/now"; then
        [ -s "$work/error" ] || echo 'it does not say why' >"$work/error"
        untold="docker does not tell of all containers: $(cat "$work/error")"
        : >"$work/ill"
        return 0
    fi
    [ -e "$work/first" ] || { cp "$work/now" "$work/first" && cp "$work/now" "$work/before"; } || return 1
    coming=$(awk 'FILENAME == ARGV[1] { first[$5] = $4; next }
        $1 == "created" || $1 == "running" && $2 == "starting" && $4 == first[$5]' "$work/first" "$work/now") ||
        return 1
    [ -z "$coming" ] || cp "$work/now" "$work/before" || return 1
    awk '
        function ill(final, rank, said) {
            name = $5
            sub("^/", "", name)
            print final, rank, ($8 == "" ? "-" : $8), name, $6, said
        }
        FILENAME == ARGV[1] { before[$5] = $4; next }
        $4 - before[$5] >= 3 { ill("yes", 2, "ends again and again, with code " $3); next }
        $1 == "exited" && $3 != 0 || $1 == "dead" { ill("yes", 2, "ended with code " $3); next }
        $1 == "exited" || $1 == "running" && ($2 == "-" || $2 == "healthy") { next }
        {
            how = ($1 == "none" ? "no container" : $1) ($2 == "-" ? "" : ", " $2)
            if ($1 == "restarting") how = how ", code " $3
            ill("no", $2 == "unhealthy" ? 1 : $1 == "created" || $1 == "none" ? 4 : 3, "(" how ")")
        }
    ' "$work/before" "$work/now" >"$work/unsorted" && sort -k 2,2n -k 3,3 "$work/unsorted" >"$work/ill"
}

# blame FILE: of those in it; what was never started has no logs, and of many the first will do.
blame() {
    local name others form
    awk '$2 < 4 { print $4 }' "$1" >"$work/causes" || return
    head -n 3 "$work/causes" | while IFS= read -r name; do
        echo "the last lines of $name:"
        timeout -k 2 60 docker logs --tail 40 "$name" >"$work/log" 2>&1 ||
            echo "docker logs ended with code $?" >>"$work/log"
        [ -s "$work/log" ] || echo '(none)' >"$work/log"
        # Some say only there why they are not healthy.
        form='{{range .Log}}{{printf "health check, code %d: %q\n" .ExitCode .Output}}{{end}}'
        timeout -k 2 60 docker inspect --format "{{with .State.Health}}$form{{end}}" "$name" 2>&1 |
            grep . | tail -n 1 >>"$work/log"
        sed 's/^/    /' "$work/log"
    done
    others=$(sed 1,3d "$work/causes" | tr '\n' ' ')
    [ -z "$others" ] || echo "see docker logs, too, of ${others% }"
}

# listed FILE: of those in it, in one line.
listed() { cut -d ' ' -f 5- "$1" | awk '{ printf "%s%s", between, $0; between = ", " }'; }

clock() { cut -d . -f 1 /proc/uptime; }

is_late() { [ $(($(clock) - began)) -ge "$LIMIT" ]; }

give_up() {
    local said
    said=${untold:-$(listed "$work/ill")}
    echo "not healthy after $LIMIT s: ${said:-$NAME has no containers}"
    blame "$work/ill"
}

# limited COMMAND...: compose waits by itself for what others depend on, and knows no limit. `timeout` does, also when
# this shell is killed; in a session of their own none of its children is left behind.
limited() {
    local code
    # For timeout 0 is for ever.
    [ "$LIMIT" -gt 0 ] || LIMIT=1
    began=$(clock) running=''
    trap 'end_compose; rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT PIPE TERM
    (COMPOSE="exec setsid timeout -k 2 $LIMIT $COMPOSE"; "$@") &
    running=$!
    wait "$running" 2>/dev/null
    code=$?
    [ $code -ne 0 ] || { running=''; return 0; }
    end_compose
    looked || return 1
    if is_late; then
        give_up
    else
        awk '$1 == "yes" || $2 == 1' "$work/ill" >"$work/ended"
        [ ! -s "$work/ended" ] || echo "perhaps because of $(listed "$work/ended")"
        blame "$work/ended"
    fi
    return 1
}

end_compose() {
    [ -n "$running" ] || return 0
    kill -s TERM "$running" && wait "$running"
    kill -KILL "-$running"
    running=''
} 2>/dev/null

wait_until_healthy() {
    local steady
    steady=0 began=${began:-$(clock)}
    while :; do
        looked && awk '$1 == "yes"' "$work/ill" >"$work/ended" || return 1
        if [ -s "$work/ended" ]; then
            listed "$work/ended"
            echo
            blame "$work/ended"
            return 1
        elif [ -z "$untold" ] && [ ! -s "$work/ill" ] && [ -s "$work/now" ]; then
            steady=$((steady + 1))
            # One that ends at once is seen by the second look.
            [ $steady -lt 2 ] || return 0
        else
            steady=0
        fi
        ! is_late || { give_up; return 1; }
        sleep 2
    done
}
