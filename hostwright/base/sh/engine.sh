# What an engine says of containers: in full, or not at all.
# needs: snap
# sets: endpoint told untold

# elsewhere ENGINE: whether its client asks another machine; sets endpoint. A client without contexts has the variable
# alone.
elsewhere() {
    endpoint=${CONTAINER_HOST-}
    case $1:${CONTAINER_CONNECTION-} in
        docker:*) endpoint=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null) ||
            endpoint=${DOCKER_HOST-} ;;
        podman:?*) endpoint=$(podman system connection list --format '{{.Name}} {{.URI}}' 2>/dev/null |
            awk -v name="$CONTAINER_CONNECTION" '$1 == name { print $2 }') ;;
    esac
    case $endpoint in
        unix:* | fd:* | tcp://127.* | tcp://localhost | tcp://localhost[:/]* | 'tcp://[::1]'*) return 1 ;;
        [a-z]*://*) ;;
        *) return 1 ;;
    esac
}

# docker_units: the units of systemd that there are for its daemon.
docker_units() {
    systemctl list-unit-files --no-legend docker.service snap.docker.dockerd.service 2>/dev/null | awk '{ print $1 }'
}

# tell_containers ENGINE FORMAT LISTING...: what it says of each of those that LISTING prints the ids of, by a format
# that begins with {"id":"ID". It is in told; untold is why it fails.
tell_containers() {
    local engine format ids code missing id left
    engine=$1 format=$2
    shift 2
    told='' untold=''
    ids=$("$@" 2>/dev/null) || {
        untold=$("$@" 2>&1 >/dev/null)
        untold=${untold:-it does not list its containers, and does not say why}
        return 1
    }
    told=$(printf '%s\n' "$ids" | xargs -r "$engine" inspect --type container --format "$format" 2>/dev/null)
    code=$? missing=''
    for id in $ids; do case $told in *"{\"id\":\"$id\""*) ;; *) missing="$missing $id" ;; esac; done
    if [ -z "$missing" ]; then
        [ $code -eq 0 ] || untold="it ended with code $code while it told of its containers"
        return $code
    fi
    # One that was removed meanwhile is no container any more.
    left=$("$@" 2>/dev/null) || { untold='it does not list its containers any more'; return 1; }
    for id in $missing; do
        case $left in *"$id"*) ;; *) continue ;; esac
        untold=$("$engine" inspect --type container --format "$format" "$id" 2>&1 >/dev/null)
        untold="it does not tell of container $id: $untold"
        return 1
    done
}
