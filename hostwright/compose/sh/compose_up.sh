# Brings a compose project up as it is to be, and waits until it is healthy; or takes it down. `ours` ends it when the
# lock of the host is no longer ours. MAIN are the compose files but ours, in their order (without any compose reads
# .env), FILES and OLD paths below the directory, a line each (to be put there, to be removed), PRIVATE directories that
# are root's alone, a line each, KNOWN ids of the containers that it had when it was looked at, GONE those of them that
# are removed, BUILD, UP and SERVICES services (to be built, to be brought up, to be there in the end), and LIMIT is in
# seconds. `data` prints the files, as base64 of a tar.gz.
# needs: project compose_wait
# header: NAME DIRECTORY MAIN FILES LIST OVERRIDE OLD PRIVATE KNOWN GONE COMPOSE BUILD UP
# given: ours
umask 077

given=''
[ -z "$MAIN" ] || for file in $MAIN $OVERRIDE; do given="$given -f $file"; done
compose() { $COMPOSE -p "$NAME" $given "$@" </dev/null; }

# may_start: who brings a project up can have more looked at.
may_start() { :; }

# in_our_hands: what was true when it was looked at may not be so any more.
in_our_hands() {
    local hands
    hands=$(project_hands) && [ -z "$hands" ] ||
        fail "$DIRECTORY, or what is on the way to it or in it, came into other hands meanwhile:" \
            "nothing was written there"
}

# no_strangers: containers that came meanwhile are somebody else's. Compose goes by the project's name.
no_strangers() {
    local now id
    now=$(containers) || fail "docker does not tell what containers $NAME has: it was left as it is"
    for id in $now; do
        case " $KNOWN " in
            *" $id "*) ;;
            *) fail "somebody has made containers of $NAME meanwhile: it was left as it is; run again" ;;
        esac
    done
}

# put_files: complete and on the disk before the first one takes the place of another.
put_files() {
    local cannot private file
    in_our_hands
    cannot="$DIRECTORY cannot be written"
    new=$DIRECTORY/$LIST.new
    trap 'rm -rf "$new"; rmdir "$DIRECTORY" 2>/dev/null' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir -p "$DIRECTORY" && chmod a+rx "$DIRECTORY" && rm -rf "$new" && mkdir "$new" || fail "$cannot"
    data | base64 -d | tar -xzpm -C "$new" && printf '%s\n' "$FILES" | sort >"$new/$LIST" && sync ||
        fail "$cannot"
    ours
    keep_foreign || fail "what is in $DIRECTORY could not be kept"
    printf '%s\n' "$PRIVATE" | while IFS= read -r private; do
        [ -z "$private" ] || { (umask 022 && mkdir -p "$DIRECTORY/$private") && chmod 700 "$DIRECTORY/$private"; } ||
            exit 1
    done || fail "$cannot"
    # Until all are in place the list names the old and the new ones: a run that dies here leaves none that is nobody's.
    { [ ! -e "$DIRECTORY/$LIST" ] || cat "$DIRECTORY/$LIST"; } >"$new/.all" &&
        cat "$new/$LIST" >>"$new/.all" &&
        sort -u -o "$new/.all" "$new/.all" && mv -fT "$new/.all" "$DIRECTORY/$LIST" || fail "$cannot"
    printf '%s\n' "$FILES" | while IFS= read -r file; do
        case $file in */*) (umask 022 && mkdir -p "$DIRECTORY/${file%/*}") || exit 1 ;; esac
        [ ! -e "$DIRECTORY/$file" ] || [ -f "$DIRECTORY/$file" ] || [ -L "$DIRECTORY/$file" ] || exit 1
        mv -fT "$new/$file" "$DIRECTORY/$file" || exit 1
    done || fail "files could not be put in place"
    printf '%s\n' "$OLD" | while IFS= read -r file; do [ -z "$file" ] || rm -f "$DIRECTORY/$file" || exit 1; done ||
        fail "$cannot"
    mv -fT "$new/$LIST" "$DIRECTORY/$LIST" && rm -rf "$new" && sync || fail "$cannot"
    trap - EXIT HUP INT TERM
}

# keep_foreign: what somebody else wrote under our names, and is something else. A link is kept as a link.
keep_foreign() {
    local file at kept
    printf '%s\n' "$FILES" | while IFS= read -r file; do
        at=$DIRECTORY/$file kept=$DIRECTORY/$file.before-hostwright
        [ -e "$at" ] || [ -L "$at" ] || continue
        [ ! -e "$kept" ] && [ ! -L "$kept" ] || continue
        ! grep -Fqx -- "$file" "$DIRECTORY/$LIST" 2>/dev/null || continue
        [ -L "$at" ] || [ -f "$at" ] || exit 1
        [ -L "$at" ] || ! cmp -s "$new/$file" "$at" || continue
        cp -pPT "$at" "$kept" || exit 1
        echo "kept as $kept: what was there"
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
    [ -z "${GONE-}" ] || { docker stop $GONE && docker rm $GONE; } >/dev/null ||
        fail "containers of $NAME could not be removed"
    [ -z "$UP" ] || limited compose up -d --no-build --no-deps $UP ||
        fail "compose could not bring $NAME up (see above)"
    wait_until_healthy
}

down() {
    local file
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
    rm -f "./$LIST" || fail "what was put into $DIRECTORY could not be removed"
    cd / && rmdir "$DIRECTORY" 2>/dev/null
    true
}
