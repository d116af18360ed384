# Looks at a compose project, and at what it is to become, in one command; changes nothing. The header sets NAME, DIRECTORY,
# FILES (paths below it, a line each), SECRETS (those of them that are not shown), CONTAINERS (names that its services want)
# and DIFF (yes: show what changes in files). The files to come come from `data`, as base64 of a tar.gz.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077

scratch=$(mktemp -d /run/hostwright.XXXXXX 2>/dev/null || mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
data | base64 -d | tar -xzpm -C "$scratch" || exit 1

section engine
echo "user=$(id -un)"
command -v docker >/dev/null && echo engine=docker
if docker compose version >/dev/null 2>&1; then
    compose='docker compose'
elif command -v docker-compose >/dev/null; then
    compose=docker-compose
fi
[ -z "${compose-}" ] || echo "compose=$compose"

section error
docker version >/dev/null 2>"$scratch.error" || cat "$scratch.error"
rm -f "$scratch.error"

section files
printf '%s\n' "$FILES" | while IFS= read -r file; do
    [ -n "$file" ] || continue
    if [ ! -e "$DIRECTORY/$file" ]; then echo "missing $file"
    elif ! cmp -s "$scratch/$file" "$DIRECTORY/$file"; then echo "different $file"
    elif [ "$(stat -c '%a %u' "$scratch/$file")" != "$(stat -c '%a %u' "$DIRECTORY/$file")" ]; then echo "mode $file"
    fi
done
# What an earlier run put there, and is no part of it any more.
[ ! -e "$DIRECTORY/.hostwright" ] || printf '%s\n' "$FILES" | sort | comm -13 - "$DIRECTORY/.hostwright" | sed 's/^/old /'

if [ "$DIFF" = yes ]; then
    section diff
    printf '%s\n' "$FILES" | while IFS= read -r file; do
        [ -n "$file" ] && ! printf '%s\n' "$SECRETS" | grep -Fqx -- "$file" || continue
        old=$DIRECTORY/$file
        [ -e "$old" ] || old=/dev/null
        # A blank keeps lines from being taken for something else.
        diff -u --label "$DIRECTORY/$file" --label "$DIRECTORY/$file" "$old" "$scratch/$file" | sed 's/^/ /'
    done
fi

[ -n "${compose-}" ] || exit 0
if [ -n "$FILES" ]; then
    section invalid
    # In front of the engine nothing is needed of it.
    (cd "$scratch" && $compose -p "$NAME" -f docker-compose.yml -f docker-compose.override.yml config -q 2>&1) >"$scratch/said" ||
        sed "s|$scratch|$DIRECTORY|g" "$scratch/said"
fi

format='{"name":{{json .Name}},"image":{{json .Image}},"labels":{{json .Config.Labels}},"status":{{json .State.Status}},'
format="$format"'"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}""{{end}},"code":{{json .State.ExitCode}}}'
section containers
{
    docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$NAME"
    for name in $CONTAINERS; do docker ps -aq --no-trunc --filter "name=^/$name\$"; done
} 2>/dev/null | sort -u | xargs -r docker inspect --type container --format "$format" 2>/dev/null
section images
for image in $IMAGES; do
    docker image inspect --format "$image {{.Id}}" "$image" 2>/dev/null
done
true
