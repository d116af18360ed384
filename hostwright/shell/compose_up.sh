# Brings a compose project up as it is to be, and waits until it is healthy; or takes it down. ownership.sh and project.sh stand
# before this, and `ours`, which ends it when the lock of the host is no longer ours. The header sets NAME, DIRECTORY, MAIN (the
# compose files but ours, in their order; without any compose reads .env), FILES and OLD (paths below it, a line each: to be put
# there, to be removed), PRIVATE (directories that are root's alone, a line each), KNOWN (ids of the containers that it had when it
# was looked at), GONE (those of them that are removed), COMPOSE, BUILD, UP and SERVICES (services: to be built, to be brought up,
# to be there in the end) and LIMIT (seconds). `data` prints the files, as base64 of a tar.gz.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin
umask 077

fail() { echo "$*" >&2; exit 1; }
given=''
[ -z "$MAIN" ] || for file in $MAIN docker-compose.override.yml; do given="$given -f $file"; done
compose() { $COMPOSE -p "$NAME" $given "$@" </dev/null; }

# may_start: who brings a project up can have more looked at.
may_start() { :; }

# in_our_hands: what was true when it was looked at may not be so any more.
in_our_hands() {
    hands=$(project_hands) && [ -z "$hands" ] || fail "$DIRECTORY, or what is on the way to it or in it, came into other hands meanwhile: nothing was written there"
}

# no_strangers: containers that came meanwhile are somebody else's. Compose goes by the project's name.
no_strangers() {
    now=$(containers) || fail "docker does not tell what containers $NAME has: it was left as it is"
    for id in $now; do
        case " $KNOWN " in *" $id "*) ;; *) fail "somebody has made containers of $NAME meanwhile: it was left as it is; run again" ;; esac
    done
}

# put_files: complete and on the disk before the first one takes the place of another.
put_files() {
    in_our_hands
    cannot="$DIRECTORY cannot be written"
    new=$DIRECTORY/.hostwright.new
    trap 'rm -rf "$new"; rmdir "$DIRECTORY" 2>/dev/null' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir -p "$DIRECTORY" && chmod a+rx "$DIRECTORY" && rm -rf "$new" && mkdir "$new" || fail "$cannot"
    data | base64 -d | tar -xzpm -C "$new" && printf '%s\n' "$FILES" | sort >"$new/.hostwright" && sync || fail "$cannot"
    ours
    keep_foreign || fail "what is in $DIRECTORY could not be kept"
    printf '%s\n' "$PRIVATE" | while IFS= read -r private; do
        [ -z "$private" ] || { (umask 022 && mkdir -p "$DIRECTORY/$private") && chmod 700 "$DIRECTORY/$private"; } || exit 1
    done || fail "$cannot"
    # Until all are in place the list names the old and the new ones: a run that dies here leaves none that is nobody's.
    { [ ! -e "$DIRECTORY/.hostwright" ] || cat "$DIRECTORY/.hostwright"; } >"$new/.all" && cat "$new/.hostwright" >>"$new/.all" &&
        sort -u -o "$new/.all" "$new/.all" && mv -fT "$new/.all" "$DIRECTORY/.hostwright" || fail "$cannot"
    printf '%s\n' "$FILES" | while IFS= read -r file; do
        case $file in */*) (umask 022 && mkdir -p "$DIRECTORY/${file%/*}") || exit 1 ;; esac
        [ ! -e "$DIRECTORY/$file" ] || [ -f "$DIRECTORY/$file" ] || [ -L "$DIRECTORY/$file" ] || exit 1
        mv -fT "$new/$file" "$DIRECTORY/$file" || exit 1
    done || fail "files could not be put in place"
    printf '%s\n' "$OLD" | while IFS= read -r file; do [ -z "$file" ] || rm -f "$DIRECTORY/$file" || exit 1; done || fail "$cannot"
    mv -fT "$new/.hostwright" "$DIRECTORY/.hostwright" && rm -rf "$new" && sync || fail "$cannot"
    trap - EXIT HUP INT TERM
}

# keep_foreign: what somebody else wrote under our names, and is something else. A link is kept as a link.
keep_foreign() {
    printf '%s\n' "$FILES" | while IFS= read -r file; do
        at=$DIRECTORY/$file kept=$DIRECTORY/$file.before-hostwright
        [ -e "$at" ] || [ -L "$at" ] || continue
        [ ! -e "$kept" ] && [ ! -L "$kept" ] || continue
        ! grep -Fqx -- "$file" "$DIRECTORY/.hostwright" 2>/dev/null || continue
        [ -L "$at" ] || [ -f "$at" ] || exit 1
        [ -L "$at" ] || ! cmp -s "$new/$file" "$at" || continue
        cp -pPT "$at" "$kept" || exit 1
        echo "kept as $kept: what was there"
    done
}

# states: STATUS HEALTH CODE RESTARTS NAME SERVICE of each container, or of none: what is not told is not healthy. Those that
# `compose run` made for one command are none of their service's.
states() {
    form='{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.ExitCode}} {{.RestartCount}} {{.Name}} {{index .Config.Labels "com.docker.compose.service"}} {{index .Config.Labels "com.docker.compose.oneoff"}}'
    ids=$(containers 2>"$work/error") && said=$(printf '%s\n' "$ids" | xargs -r docker inspect --format "$form" 2>"$work/error") &&
        [ "$(printf '%s\n' "$said" | grep -c .)" -eq "$(printf '%s\n' "$ids" | grep -c .)" ] && printf '%s\n' "$said" | awk '$7 != "True" { print $1, $2, $3, $4, $5, $6 }'
}

show_logs() {
    echo "the last lines of $1:"
    docker logs --tail 40 "$1" 2>&1 | sed 's/^/    /'
}

# A service that decided to wait for somebody says so in its health check's output.
wait_until_healthy() {
    begun=$(cut -d . -f 1 /proc/uptime) steady=0
    while :; do
        if states >"$work/now"; then
            [ -e "$work/first" ] || cp "$work/now" "$work/first" || return 1
            while read -r status health code restarts name service; do
                before=$(awk -v name="$name" '$5 == name { print $4 }' "$work/first")
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
            done <"$work/now"
            waiting=$(awk '$1 == "exited" && $3 == 0 || $1 == "running" && ($2 == "-" || $2 == "healthy") { next } { printf "%s", $6 " (" $1 ($2 == "-" ? "" : ", " $2) ") " }' "$work/now") || return 1
        else
            waiting="docker does not tell of all containers: $(cat "$work/error")"
            : >"$work/now"
        fi
        if [ -z "$waiting" ] && [ -s "$work/now" ]; then
            steady=$((steady + 1))
            # One that ends at once is seen by the second look.
            [ $steady -lt 2 ] || return 0
        else
            steady=0
        fi
        if [ $(($(cut -d . -f 1 /proc/uptime) - begun)) -ge "$LIMIT" ]; then
            echo "not healthy after $LIMIT s: $waiting"
            awk '!($1 == "exited" && $3 == 0 || $1 == "running" && ($2 == "-" || $2 == "healthy")) { print $5 }' "$work/now" | while read -r name; do show_logs "$name"; done
            return 1
        fi
        sleep 2
    done
}

up() {
    put_files
    work=$(mktemp -d /run/hostwright.XXXXXX 2>/dev/null || mktemp -d) || exit 1
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    cd "$DIRECTORY" || exit 1
    ours
    if [ -n "$BUILD" ]; then compose build $BUILD || fail "an image could not be built (see above)"; fi
    ours
    no_strangers
    may_start || exit 1
    # Compose has its own idea of what is no service's any more.
    [ -z "${GONE-}" ] || { docker stop $GONE && docker rm $GONE; } >/dev/null || fail "containers of $NAME could not be removed"
    [ -z "$UP" ] || compose up -d --no-build --no-deps $UP || fail "compose could not bring $NAME up (see above)"
    wait_until_healthy
}

down() {
    in_our_hands
    cd "$DIRECTORY" || exit 1
    ours
    no_strangers
    # Of profiles that are not active, too.
    export COMPOSE_PROFILES='*'
    compose down --remove-orphans $1 || fail "compose could not take $NAME down (see above)"
    ours
    printf '%s\n' "$OLD" | while IFS= read -r file; do
        [ -n "$file" ] || continue
        rm -f "./$file" || exit 1
        case $file in */*) rmdir -p "./${file%/*}" 2>/dev/null || : ;; esac
    done || fail "what was put into $DIRECTORY could not be removed"
    rm -f ./.hostwright || fail "what was put into $DIRECTORY could not be removed"
    cd / && rmdir "$DIRECTORY" 2>/dev/null
    true
}
