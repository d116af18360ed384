# as_user USER UID HOME SECONDS TEXT [NAME WORD...]: a shell of theirs runs TEXT, and what it says is printed, a
# megabyte at most. What is theirs may hang, hold on to pipes, and type into a terminal: it has no terminal of ours, and
# no more than that time.
as_user() (
    user=$1 uid=$2 home=$3 limit=$4
    shift 4
    cd / || exit
    timeout -k 5 $((limit + 10)) setsid runuser -u "$user" -- \
        env -i PATH="$PATH" LC_ALL=C HOME="$home" USER="$user" LOGNAME="$user" \
        XDG_RUNTIME_DIR="/run/user/$uid" DOCKER_HOST="unix:///run/user/$uid/docker.sock" \
        timeout -k 5 "$limit" sh -c "$@" </dev/null 2>&1 | timeout -k 5 $((limit + 20)) head -c 1000000
)
