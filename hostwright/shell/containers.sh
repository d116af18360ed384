# Observes the containers of a host, in one command however many there are, and changes nothing. engine.sh stands before this.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin
section engine
for engine in docker podman ''; do
    [ -n "$engine" ] && command -v $engine >/dev/null && break
done
# podman-docker has a docker that is podman, and answers as that does.
case $engine:$([ -z "$engine" ] || $engine --version 2>/dev/null) in docker:*podman*) engine=podman ;; esac
echo "name=$engine"
echo "user=$(id -un)"
[ -n "$engine" ] || exit 0
! $engine update --help 2>/dev/null | grep -q -e --restart || echo updates=yes
format='{"id":{{json .ID}},"name":{{json .Name}},"policy":{{json .HostConfig.RestartPolicy}},'
format="$format"'"auto_remove":{{json .HostConfig.AutoRemove}},"status":{{json .State.Status}},"labels":{{json .Config.Labels}}}'
if tell_containers $engine "$format" $engine ps --all --quiet --no-trunc; then
    section containers
    printf '%s\n' "$told"
else
    section error
    printf '%s\n' "$untold"
fi
true
