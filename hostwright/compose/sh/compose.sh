# Looks at a compose project, and at what it is to become, in one command; changes nothing. MAIN are the compose files
# but ours, in their order, FILES paths below the directory, a line each, SECRETS those of them that are not shown, and
# DIFF is yes where what changes in files is shown. The files to come come from `data`, as base64 of a tar.gz.
# needs: prelude project engine
# header: NONCE NAME DIRECTORY MAIN FILES LIST OVERRIDE SECRETS DIFF
umask 077

scratch=$(mktemp -d /run/hostwright.XXXXXX 2>/dev/null || mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
# What is relative to the directory, above it too, is as it will be once this is taken away from its front.
scratch=$(cd "$scratch" && pwd -P) || exit 1
new=$scratch$DIRECTORY
mkdir -p "$new" && data | base64 -d | tar -xzpm -C "$new" || exit 1

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

# compared: the files to come with those that are there. A link is read by nobody. What our own says is known only once
# compose has been asked.
compared() {
    local file at
    printf '%s\n' "$FILES" | while IFS= read -r file; do
        at=$DIRECTORY/$file
        if [ -z "$file" ]; then :
        elif [ -L "$at" ]; then echo "different $file"
        elif [ ! -e "$at" ]; then echo "missing $file"
        elif [ ! -f "$at" ]; then echo "odd $file"
        elif [ "$file" != "$OVERRIDE" ] && ! cmp -s "$new/$file" "$at"; then echo "different $file"
        elif [ "$(stat -c '%a %u' "$new/$file")" != "$(stat -c '%a %u' "$at")" ]; then echo "mode $file"
        fi
    done
}

# old: what an earlier run put there, and is no part of it any more.
old() {
    local known
    known=$DIRECTORY/$LIST
    [ -e "$known" ] || [ -L "$known" ] || return 0
    if [ -L "$known" ] || [ ! -f "$known" ]; then echo "odd $LIST" && return; fi
    printf '%s\n' "$FILES" | sort >"$scratch/files" && sort "$known" >"$scratch/known" &&
        comm -13 "$scratch/files" "$scratch/known" >"$scratch/old" && sed 's/^/old /' "$scratch/old"
}

section files
override=$DIRECTORY/$OVERRIDE sum=''
if [ -z "$hands" ]; then
    compared && old || exit 1
    if [ -f "$override" ] && [ ! -L "$override" ]; then sum=$(sha256sum <"$override") || exit 1; fi
fi
section override
echo "${sum%% *}"

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
# asked COMMAND...: compose about the files to come. In front of the engine nothing is needed of it.
asked() { (cd "$new" && $compose -p "$NAME" $given "$@" </dev/null 2>"$scratch/said"); }

if [ -n "$FILES" ]; then
    # Compose reads .env by itself, whoever wrote it; but not one that this run takes away.
    if [ -z "$hands" ] && [ ! -e "$new/.env" ] && [ -f "$DIRECTORY/.env" ] &&
        ! grep -Fqsx .env "$DIRECTORY/$LIST"; then
        cat "$DIRECTORY/.env" >"$new/.env" || exit 1
    fi
    given=''
    for file in $MAIN $OVERRIDE; do given="$given -f $file"; done
    json=''
    [ "$compose" = docker-compose ] || json='--format json'
    section invalid
    if asked config $json >"$scratch/raw"; then
        # Secrets are in it.
        sed "s|$scratch||g" "$scratch/raw" >"$scratch/model" && gzip "$scratch/model" || exit 1
        section model
        base64 "$scratch/model.gz" || exit 1
        # v1 tells of the services of all profiles, and not which are active; v2 of those alone.
        section profiles
        profiles=''
        [ ! -f "$new/.env" ] || profiles=$(sed -n 's/^\(export \)\{0,1\}COMPOSE_PROFILES=//p' "$new/.env") || exit 1
        printf '%s\n' "${COMPOSE_PROFILES-$profiles}"
        section every
        if grep -Fqr profiles "$new" && grep -Eq '^(name:|\{)' "$scratch/raw"; then
            (COMPOSE_PROFILES='*' && export COMPOSE_PROFILES && asked config --services) >"$scratch/every" || {
                echo "compose does not tell the services of all profiles: $(cat "$scratch/said")" >&2
                exit 1
            }
            cat "$scratch/every"
        fi
    else
        code=$?
        [ -s "$scratch/said" ] || echo "it ended with code $code, and does not say why" >"$scratch/said"
        sed "s|$scratch||g" "$scratch/said"
    fi
fi

directory_label='{{json (index .Config.Labels "com.docker.compose.project.working_dir")}}'
# .ID, for by .Id docker takes another way, on which what is not there (Health, say) is an error.
format='{"id":{{json .ID}},"name":{{json .Name}},"image":{{json .Image}},"labels":{{json .Config.Labels}},'
format="$format"'"status":{{json .State.Status}},'
format="$format"'"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}""{{end}},'
format="$format"'"code":{{json .State.ExitCode}}}
'$directory_label'
image {{.Config.Image}}'
section containers
tell_containers docker "$format" containers && printf '%s\n' "$told" | grep '^{'

# Who has a name that a service wants may be anybody.
section names
docker ps -a --no-trunc --format '{{.Names}} {{.Label "com.docker.compose.project"}}' 2>"$scratch/said" ||
    untold="${untold:-it does not list its containers: $(cat "$scratch/said")}"

# here: of the directories that containers come from those that are ours, in the words of the engine.
here() {
    local ours said path real
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

# By the names that containers have them by.
section images
printf '%s\n' "$told" | sed -n 's/^image //p' | sort -u >"$scratch/images" || exit 1
while IFS= read -r image; do
    if id=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null </dev/null); then
        printf '%s %s\n' "$image" "$id"
    else
        docker version >/dev/null 2>&1 </dev/null ||
            untold="${untold:-it does not tell whether there is an image $image}"
    fi
done <"$scratch/images"
section untold
printf '%s\n' "$untold"
