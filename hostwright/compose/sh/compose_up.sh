# Brings a compose project up as it is to be, and waits until it is healthy; or takes it down. `ours` ends it when
# the lock of the host is no longer ours. MAIN are the compose files but ours, in their order (without any compose reads .env),
# FILES and OLD paths below the directory, a line each (to be put there, to be removed), PRIVATE directories that are root's
# alone, a line each, KNOWN ids of the containers that it had when it was looked at, GONE those of them that are removed, BUILD,
# UP and SERVICES services (to be built, to be brought up, to be there in the end), and LIMIT is in seconds. `data` prints the
# files, as base64 of a tar.gz.
# needs: project
# header: NAME DIRECTORY MAIN FILES OLD PRIVATE KNOWN GONE COMPOSE BUILD UP SERVICES LIMIT
# given: ours
umask 077

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

# states: STATUS HEALTH CODE RESTARTS NAME SERVICE ONEOFF ENDED of each container, or of none: what is not told is not healthy.
# Those that `compose run` made for one command are none of their service's. Of a service in SERVICES that has none: `none`.
states() {
    form='{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.ExitCode}} {{.RestartCount}} {{.Name}} {{index .Config.Labels "com.docker.compose.service"}} {{or (index .Config.Labels "com.docker.compose.oneoff") "-"}} {{.State.FinishedAt}}'
    ids=$(containers 2>"$work/error") && said=$(printf '%s\n' "$ids" | xargs -r timeout -k 2 60 docker inspect --format "$form" 2>"$work/error") &&
        [ "$(printf '%s\n' "$said" | grep -c .)" -eq "$(printf '%s\n' "$ids" | grep -c .)" ] && printf '%s\n' "$said" | awk -v services="${SERVICES-}" '
            BEGIN { count = split(services, names); for (i = 1; i <= count; i++) wanted[names[i]] }
            NF && $7 != "True" && (!count || ($6 in wanted)) { there[$6]; print }
            END { for (i = 1; i <= count; i++) if (!(names[i] in there)) print "none - 0 0 -", names[i] }'
}

# looked: sets untold, or writes who is not well, the likeliest cause first: FINAL (yes or no) RANK ENDED NAME, and what is said
# of it. To end and be started again is how some wait for others: that counts once all others have come up.
looked() {
    untold=''
    if ! states >"$work/now"; then
        [ -s "$work/error" ] || echo 'it does not say why' >"$work/error"
        untold="docker does not tell of all containers: $(cat "$work/error")"
        : >"$work/ill"
        return 0
    fi
    [ -e "$work/first" ] || { cp "$work/now" "$work/first" && cp "$work/now" "$work/before"; } || return 1
    coming=$(awk 'FILENAME == ARGV[1] { first[$5] = $4; next } $1 == "created" || $1 == "running" && $2 == "starting" && $4 == first[$5]' "$work/first" "$work/now") || return 1
    [ -z "$coming" ] || cp "$work/now" "$work/before" || return 1
    awk '
        function ill(final, rank, said) { name = $5; sub("^/", "", name); print final, rank, ($8 == "" ? "-" : $8), name, $6, said }
        FILENAME == ARGV[1] { before[$5] = $4; next }
        $4 - before[$5] >= 3 { ill("yes", 2, "ends again and again, with code " $3); next }
        $1 == "exited" && $3 != 0 || $1 == "dead" { ill("yes", 2, "ended with code " $3); next }
        $1 == "exited" || $1 == "running" && ($2 == "-" || $2 == "healthy") { next }
        { ill("no", $2 == "unhealthy" ? 1 : $1 == "created" || $1 == "none" ? 4 : 3, "(" ($1 == "none" ? "no container" : $1) ($2 == "-" ? "" : ", " $2) ($1 == "restarting" ? ", code " $3 : "") ")") }
    ' "$work/before" "$work/now" >"$work/unsorted" && sort -k 2,2n -k 3,3 "$work/unsorted" >"$work/ill"
}

# blame FILE: of those in it; what was never started has no logs, and of many the first will do.
blame() {
    awk '$2 < 4 { print $4 }' "$1" >"$work/causes" || return
    head -n 3 "$work/causes" | while IFS= read -r name; do
        echo "the last lines of $name:"
        timeout -k 2 60 docker logs --tail 40 "$name" >"$work/log" 2>&1 || echo "docker logs ended with code $?" >>"$work/log"
        [ -s "$work/log" ] || echo '(none)' >"$work/log"
        # Some say only there why they are not healthy.
        timeout -k 2 60 docker inspect --format '{{with .State.Health}}{{range .Log}}{{printf "health check, code %d: %q\n" .ExitCode .Output}}{{end}}{{end}}' "$name" 2>&1 | grep . | tail -n 1 >>"$work/log"
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
    said=${untold:-$(listed "$work/ill")}
    echo "not healthy after $LIMIT s: ${said:-$NAME has no containers}"
    blame "$work/ill"
}

# limited COMMAND...: compose waits by itself for what others depend on, and knows no limit. `timeout` does, also when this shell
# is killed; in a session of their own none of its children is left behind.
limited() {
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
    [ -z "$UP" ] || limited compose up -d --no-build --no-deps $UP || fail "compose could not bring $NAME up (see above)"
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
