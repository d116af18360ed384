# Looks at a compose project, and at what it is to become, in one command; changes nothing. ownership.sh, project.sh and
# engine.sh stand before this. The header sets NAME, DIRECTORY, MAIN (the compose file), FILES (paths below it, a line each), SECRETS (those of them that
# are not shown), CONTAINERS and IMAGES (names that its services want) and DIFF (yes: show what changes in files). The files to
# come come from `data`, as base64 of a tar.gz.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin
umask 077

scratch=$(mktemp -d /run/hostwright.XXXXXX 2>/dev/null || mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
new=$scratch/project
mkdir "$new" && data | base64 -d | tar -xzpm -C "$new" || exit 1

section engine
echo "user=$(id -un)"
command -v docker >/dev/null && echo engine=docker
if docker compose version >/dev/null 2>&1; then
    compose='docker compose'
elif command -v docker-compose >/dev/null; then
    compose=docker-compose
fi
[ -z "${compose-}" ] || echo "compose=$compose"
if elsewhere docker; then
    echo "elsewhere=$endpoint"
    for none in error hands files; do section $none; done
    exit 0
fi
answers=yes
said=$(docker version 2>&1 >/dev/null) || { answers='' && docker_units | sed 's/^/unit=/'; }

section error
[ -n "$answers" ] || echo "${said:-docker version failed, and does not say why}"

section hands
hands=''
# Where nothing is, and nothing is to be, it may be anybody's.
if [ -n "$FILES" ] || [ -e "$DIRECTORY" ] || [ -L "$DIRECTORY" ]; then hands=$(project_hands) || exit 1; fi
printf '%s\n' "$hands"

# compared: the files to come with those that are there. A link is read by nobody.
compared() {
    printf '%s\n' "$FILES" | while IFS= read -r file; do
        at=$DIRECTORY/$file
        if [ -z "$file" ]; then :
        elif [ -L "$at" ]; then echo "different $file"
        elif [ ! -e "$at" ]; then echo "missing $file"
        elif [ ! -f "$at" ]; then echo "odd $file"
        elif ! cmp -s "$new/$file" "$at"; then echo "different $file"
        elif [ "$(stat -c '%a %u' "$new/$file")" != "$(stat -c '%a %u' "$at")" ]; then echo "mode $file"
        fi
    done
}

# old: what an earlier run put there, and is no part of it any more.
old() {
    known=$DIRECTORY/.hostwright
    [ -e "$known" ] || [ -L "$known" ] || return 0
    if [ -L "$known" ] || [ ! -f "$known" ]; then echo 'odd .hostwright' && return; fi
    printf '%s\n' "$FILES" | sort >"$scratch/files" && sort "$known" >"$scratch/known" &&
        comm -13 "$scratch/files" "$scratch/known" >"$scratch/old" && sed 's/^/old /' "$scratch/old"
}

section files
if [ -z "$hands" ]; then compared && old || exit 1; fi

if [ "$DIFF" = yes ] && [ -z "$hands" ]; then
    section diff
    printf '%s\n' "$FILES" | while IFS= read -r file; do
        [ -n "$file" ] && ! printf '%s\n' "$SECRETS" | grep -Fqx -- "$file" || continue
        old=$DIRECTORY/$file
        [ -f "$old" ] && [ ! -L "$old" ] || old=/dev/null
        # A blank keeps lines from being taken for something else.
        diff -u --label "$DIRECTORY/$file" --label "$DIRECTORY/$file" "$old" "$new/$file" | sed 's/^/ /'
    done
fi

[ -n "${compose-}" ] || exit 0
if [ -n "$FILES" ]; then
    section invalid
    # In front of the engine nothing is needed of it.
    (cd "$new" && $compose -p "$NAME" -f "$MAIN" -f docker-compose.override.yml config -q 2>&1) >"$scratch/said" || {
        code=$?
        [ -s "$scratch/said" ] || echo "it ended with code $code, and does not say why" >"$scratch/said"
        sed "s|$new|$(printf '%s\n' "$DIRECTORY" | sed 's/[&|\\]/\\&/g')|g" "$scratch/said"
    }
fi

# wanted: ids of the containers of the project, and of others by the names that its services want.
wanted() {
    of_it=$(containers) || return
    set --
    for name in $CONTAINERS; do set -- "$@" --filter "name=^/$name\$"; done
    by_name=''
    [ $# -eq 0 ] || by_name=$(docker ps -aq --no-trunc "$@") || return
    printf '%s\n%s\n' "$of_it" "$by_name" | sort -u
}

directory_label='{{json (index .Config.Labels "com.docker.compose.project.working_dir")}}'
# .ID, for by .Id docker takes another way, on which what is not there (Health, say) is an error.
format='{"id":{{json .ID}},"name":{{json .Name}},"image":{{json .Image}},"labels":{{json .Config.Labels}},"status":{{json .State.Status}},'
format="$format"'"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}""{{end}},"code":{{json .State.ExitCode}}}
'$directory_label
section containers
tell_containers docker "$format" wanted && printf '%s\n' "$told" | grep '^{'

# here: of the directories that containers come from those that are ours, in the words of the engine.
here() {
    ours=$(readlink -m -- "$DIRECTORY") || return
    printf '%s\n' "$told" | grep '^"' | sort -u | while IFS= read -r said; do
        path=${said#\"}
        path=${path%\"}
        # What JSON writes otherwise is no path of ours.
        case $path in '' | *\\*) continue ;; esac
        real=$(readlink -m -- "$path") || exit 1
        [ "$real" != "$ours" ] || printf '%s\n' "$said"
    done
}
section here
here || exit 1

section images
for image in $IMAGES; do
    docker image inspect --format "$image {{.Id}}" "$image" 2>/dev/null || docker version >/dev/null 2>&1 ||
        untold="${untold:-it does not tell whether there is an image $image}"
done
section untold
printf '%s\n' "$untold"
