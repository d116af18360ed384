# All processes of a host, as few commands as there can be for them.
# Of a pipe, sh knows only how its last command ended. So who did all that it had to says `end` in its last line.
# sets: pids

parent_of() { sed 's/^.*) . \([0-9]*\) .*$/\1/' "/proc/$1/stat" 2>/dev/null; }

# The sshd process that serves our own connection, or our own parent where there is none (a local run).
own_login() {
    local pid
    pid=$$
    while [ "${pid:-0}" -gt 1 ]; do
        case $(cat "/proc/$pid/comm" 2>/dev/null) in sshd*) echo "$pid"; return ;; esac
        pid=$(parent_of "$pid")
    done
    echo $$
}

# all_pids: sets pids. Ours is among them, and once more at the end: who has seen that has seen all.
all_pids() {
    pids=$(find /proc -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f ' 2>/dev/null) || [ $? -eq 1 ] || return 1
    case " $pids" in *" $$ "*) pids="$pids $$" ;; *) return 1 ;; esac
}

# of_all FILES COMMAND: sh's COMMAND on those files of each process in $pids, as many at a time as it can take. It may
# end with 1 or 2, for those that have gone meanwhile.
of_all() {
    local pid file
    for pid in $pids; do for file in $1; do echo "/proc/$pid/$file"; done; done |
        xargs -r sh -c "$2"'
            [ $? -le 2 ] || exit 255' sh 2>/dev/null
}

is_ended() { case $1 in end | *'
end') ;; *) return 1 ;; esac; }
