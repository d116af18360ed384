# Starts a job detached from this connection. `data` prints the job. Whoever lost the connection over it says it again:
# only the first one to make its directory starts it.
# needs: ownership every_process
# header: RUN OWNER UNIT DESCRIPTION
start() {
    local old login
    : >"$RUN/log" || exit 1
    for old in "${RUN%/*}"/*/; do
        case $old in
            "$RUN/" | */mnt/ | */current/) ;;
            *) [ ! -e "$old/status" ] || [ -s "$old/units" ] || rm -rf "$old" ;;
        esac
    done
    data | base64 -d | gzip -d >"$RUN/job.sh" || { rm -rf "$RUN"; exit 1; }
    login=$(own_login)
    if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
        systemd-run --quiet --unit="$UNIT" --description="$DESCRIPTION" \
            env HOSTWRIGHT_OWNER="$OWNER" sh "$RUN/job.sh" "$login" || exit 1
    else
        HOSTWRIGHT_OWNER=$OWNER setsid sh "$RUN/job.sh" "$login" </dev/null >/dev/null 2>&1 &
    fi
}

cd / && umask 077 || exit 1
all=${RUN%/*}
private "${all%/*}" "$all" || { printf '%s\n' "$reason" >&2; exit 1; }
if mkdir "$RUN" 2>/dev/null; then start; elif [ ! -d "$RUN" ]; then mkdir "$RUN" || exit 1; fi
tries=0
until [ -s "$RUN/log" ] || [ -e "$RUN/status" ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { echo "the job did not start" >&2; exit 1; }
    sleep 0.1
done
echo started
