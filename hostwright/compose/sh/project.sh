# What both who looks at a compose project and who changes it must know of its host.
# needs: snap ownership
# header: NAME DIRECTORY FILES LIST

containers() { docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$NAME"; }

# project_hands: who else than root could change what compose reads: on the way to the directory, and below it on the
# way to files that we put there, where links are nobody's. Compose reads .env by itself: a link that root made there is
# root's.
project_hands() {
    local on_way found known names below
    on_way=$(way "$DIRECTORY") && found=$(other_hands "$on_way") || return 1
    # What lies in others' hands is not even read.
    if [ -z "$found" ] && [ -d "$DIRECTORY" ]; then
        known=''
        if [ -f "$DIRECTORY/$LIST" ] && [ ! -L "$DIRECTORY/$LIST" ]; then
            known=$(cat "$DIRECTORY/$LIST") || return 1
        fi
        names=$(printf '%s\n%s\n' "$FILES" "$known" | awk -F / '{
            at = ""
            for (i = 1; i < NF; i++) { at = at "/" $i; if (!(at in seen)) { seen[at]; print at } }
        }') || return 1
        [ -L "$DIRECTORY/.env" ] || names="$names
/.env"
        below=$(printf '%s\n' "$names" | there) && found=$(other_hands "$below") || return 1
    fi
    [ -z "$found" ] || printf '%s\n' "$found"
}

# there: of the names on standard input the paths of those that are in the directory, whatever they are.
there() {
    local name
    while IFS= read -r name; do
        [ -z "$name" ] || { [ ! -e "$DIRECTORY$name" ] && [ ! -L "$DIRECTORY$name" ]; } ||
            printf '%s\n' "$DIRECTORY$name"
    done
}
