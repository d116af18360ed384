# What an engine ($1) tells of itself and of its containers, as lines KEY=VALUE, the last one `end=yes`; changes
# nothing. Whoever it answers runs this: root, or a user whose own it is.
# needs: engine
engine=$1
if elsewhere "$engine"; then
    echo "elsewhere=$endpoint"
    echo end=yes
    exit
fi
echo "endpoint=$endpoint"
! "$engine" update --help 2>/dev/null | grep -q -e --restart || echo updates=yes
format='{"id":{{json .ID}},"name":{{json .Name}},"policy":{{json .HostConfig.RestartPolicy}},'
format="$format"'"auto_remove":{{json .HostConfig.AutoRemove}},"status":{{json .State.Status}},'
format="$format"'"labels":{{json .Config.Labels}}}'
if tell_containers "$engine" "$format" "$engine" ps --all --quiet --no-trunc; then
    printf '%s\n' "$told" | sed 's/^/container=/'
else
    printf '%s\n' "$untold" | sed 's/^/error=/'
    [ "$engine" != docker ] || docker_units | sed 's/^/unit=/'
fi
# What starts its containers as the host boots, or as its user's systemd does.
unit=docker.service
[ "$engine" = docker ] || unit=podman-restart.service
case $(id -u) in
    0) set -- /etc/systemd/system/*.wants/$unit ;;
    *) set -- "$HOME"/.config/systemd/user/*.wants/$unit /etc/systemd/user/*.wants/$unit ;;
esac
for file; do [ ! -L "$file" ] || echo boots=yes; done
echo end=yes
