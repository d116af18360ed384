# Brings a compose project up as it is to be, and waits until it is healthy. The header sets NAME, DIRECTORY, FILES and OLD
# (paths below it, a line each: to be put there, to be removed), PRIVATE (directories that are root's alone), COMPOSE, BUILD (services), LIMIT (seconds) and OURS (which
# ends it when the lock of the host is no longer ours). `data` prints the files, as base64 of a tar.gz.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077

fail() { echo "$*" >&2; exit 1; }
ours() { eval "$OURS"; }
compose() { $COMPOSE -p "$NAME" -f docker-compose.yml -f docker-compose.override.yml "$@" </dev/null; }
# may_start: who brings a project up can have more looked at.
may_start() { :; }
containers() { docker ps -aq --filter "label=com.docker.compose.project=$NAME"; }

# put_files: complete and on the disk before the first one takes the place of another.
put_files() {
    new=$DIRECTORY/.hostwright.new
    trap 'rm -rf "$new"; rmdir "$DIRECTORY" 2>/dev/null' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir -p "$DIRECTORY" && chmod a+rx "$DIRECTORY" && rm -rf "$new" && mkdir "$new" || fail "$DIRECTORY cannot be written"
    data | base64 -d | tar -xzpm -C "$new" && printf '%s\n' "$FILES" | sort >"$new/.hostwright" && sync || fail "$DIRECTORY cannot be written"
    ours
    keep_foreign || fail "what is in $DIRECTORY could not be kept"
    for private in $PRIVATE; do (umask 022 && mkdir -p "$DIRECTORY/$private") && chmod 700 "$DIRECTORY/$private" || fail "$DIRECTORY cannot be written"; done
    # Until all are in place the list names the old and the new ones: a run that dies here leaves none that is nobody's.
    { cat "$DIRECTORY/.hostwright" 2>/dev/null; cat "$new/.hostwright"; } | sort -u >"$new/.all" && mv -f "$new/.all" "$DIRECTORY/.hostwright" || fail "$DIRECTORY cannot be written"
    printf '%s\n' "$FILES" | while IFS= read -r file; do
        case $file in */*) (umask 022 && mkdir -p "$DIRECTORY/${file%/*}") ;; esac
        [ ! -e "$DIRECTORY/$file" ] || [ -f "$DIRECTORY/$file" ] || exit 1
        mv -f "$new/$file" "$DIRECTORY/$file" || exit 1
    done || fail "files could not be put in place"
    printf '%s\n' "$OLD" | while IFS= read -r file; do [ -z "$file" ] || rm -f "$DIRECTORY/$file"; done
    mv -f "$new/.hostwright" "$DIRECTORY/.hostwright" && rm -rf "$new" && sync
    trap - EXIT HUP INT TERM
}

# keep_foreign: what somebody else wrote under our names, and is something else.
keep_foreign() {
    printf '%s\n' "$FILES" | while IFS= read -r file; do
        at=$DIRECTORY/$file
        if [ -e "$at" ] && ! grep -Fqx -- "$file" "$DIRECTORY/.hostwright" 2>/dev/null && ! cmp -s "$new/$file" "$at" && [ ! -e "$at.before-hostwright" ]; then
            cp -p "$at" "$at.before-hostwright" || exit 1
            echo "kept as $at.before-hostwright: what was there"
        fi
    done
}

# states: SERVICE STATUS HEALTH CODE RESTARTS NAME of each container.
states() {
    containers | xargs -r docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.ExitCode}} {{.RestartCount}} {{.Name}}' 2>/dev/null
}

show_logs() {
    echo "the last lines of $1:"
    docker logs --tail 40 "$1" 2>&1 | sed 's/^/    /'
}

# A service that decided to wait for somebody says so in its health check's output.
wait_until_healthy() {
    begun=$(cut -d . -f 1 /proc/uptime) steady=0
    states >"$DIRECTORY/.hostwright.states"
    while :; do
        states >"$DIRECTORY/.hostwright.now"
        while read -r service status health code restarts name; do
            before=$(awk -v name="$name" '$6 == name { print $5 }' "$DIRECTORY/.hostwright.states")
            # Once or twice is how some wait for another service.
            if [ $((restarts - ${before:-0})) -ge 3 ]; then
                echo "$service ends again and again, with code $code"
                show_logs "$name"
                return 1
            elif { [ "$status" = exited ] && [ "$code" != 0 ]; } || [ "$status" = dead ]; then
                echo "$service ended with code $code"
                show_logs "$name"
                return 1
            fi
        done <"$DIRECTORY/.hostwright.now"
        waiting=$(awk '$2 == "exited" && $4 == 0 || $2 == "running" && ($3 == "-" || $3 == "healthy") { next } { print $1 " (" $2 ($3 == "-" ? "" : ", " $3) ")" }' "$DIRECTORY/.hostwright.now" | tr '\n' ' ')
        if [ -z "$waiting" ] && [ -s "$DIRECTORY/.hostwright.now" ]; then
            steady=$((steady + 1))
            # One that ends at once is seen by the second look.
            [ $steady -lt 2 ] || return 0
        else
            steady=0
        fi
        if [ $(($(cut -d . -f 1 /proc/uptime) - begun)) -ge "$LIMIT" ]; then
            echo "not healthy after $LIMIT s: $waiting"
            awk '!($2 == "exited" && $4 == 0 || $2 == "running" && ($3 == "-" || $3 == "healthy")) { print $6 }' "$DIRECTORY/.hostwright.now" | while read -r name; do show_logs "$name"; done
            return 1
        fi
        sleep 2
    done
}

up() {
    put_files
    cd "$DIRECTORY" || exit 1
    ours
    if [ -n "$BUILD" ]; then compose build $BUILD || fail "an image could not be built (see above)"; fi
    ours
    may_start || exit 1
    compose up -d --no-build --remove-orphans || fail "compose could not bring $NAME up (see above)"
    wait_until_healthy
    code=$?
    rm -f "$DIRECTORY/.hostwright.states" "$DIRECTORY/.hostwright.now"
    exit $code
}

down() {
    cd "$DIRECTORY" || exit 1
    ours
    compose down --remove-orphans $1 || fail "compose could not take $NAME down (see above)"
    ours
    printf '%s\n' "$OLD" | while IFS= read -r file; do
        [ -n "$file" ] || continue
        rm -f "$DIRECTORY/$file"
        case $file in */*) rmdir -p "${file%/*}" 2>/dev/null ;; esac
    done
    rm -f "$DIRECTORY/.hostwright"
    cd / && rmdir "$DIRECTORY" 2>/dev/null
    true
}
