# The first process of a container that runs several commands: a server, what runs once in the life of its data, and what
# runs at each start. It needs nothing but a POSIX shell, and cat, date, mkdir, mv, rm, sleep, sync and tail. Beside it lie:
#   before   a script that must have succeeded before the server starts; it can be run again (optional)
#   server   a script that becomes the server (`exec`)
#   ready    a script that succeeds once the server answers
#   once     lines DIGEST<TAB>NAME, and once.d/NAME for each: run in this order, once for the data
#   each     lines NAME, and each.d/NAME for each: run at each start, and again after a restart in the middle of it
# ONCE is the record of what ran once: it lies with the data. A line is EVENT<TAB>NAME<TAB>DIGEST<TAB>TIME<TAB>CODE; events:
# started, done, failed, and rerun, which somebody decided (made: the data are new). A name without any, or with rerun, is run.
here=${0%/*} tab='	' server='' running='' stopping=''
: "${ONCE:=/var/lib/hostwright/once}" "${READY:=/run/hostwright-ready}"
rm -f "$READY"

say() { echo "hostwright: $*"; }

# As process 1 a shell gets no signal that it does not trap; the server gets what the engine sends.
forward() {
    stopping=$1
    [ -z "$server" ] || kill -s "$1" "$server" 2>/dev/null
    # What runs beside the server is of no use without it.
    [ -z "$running" ] || kill -s TERM "$running" 2>/dev/null
}
for signal in TERM INT QUIT; do trap "forward $signal" $signal; done
for signal in HUP USR1 USR2; do trap '[ -z "$server" ] || kill -s '$signal' "$server" 2>/dev/null' $signal; done

# ended PID: waits for it whatever signals arrive; its own status is in code.
ended() {
    while
        wait "$1"
        code=$?
        kill -0 "$1" 2>/dev/null
    do :; done
    # A signal may have ended the wait in the very moment in which the process ended.
    if [ $code -gt 128 ]; then
        wait "$1"
        again=$?
        [ $again -eq 127 ] || code=$again
    fi
}

leave() {
    rm -f "$READY"
    [ -z "$server" ] || kill -s TERM "$server" 2>/dev/null
    [ -z "$server" ] || { kill -s CONT "$server" 2>/dev/null; kept=$1; ended "$server"; set -- "$kept"; }
    exit "$1"
}

# run FILE: beside the server, so that signals are heard meanwhile.
run() {
    sh "$1" &
    running=$!
    ended "$running"
    running=''
    return "$code"
}

# server_ends: with its own status, unless something else of ours has failed.
server_ends() {
    ended "$server"
    rm -f "$READY"
    exit "$code"
}

# is_plain: the directory may be the server's user's, who can put anything in it at any time.
is_plain() { [ ! -L "$ONCE" ] && { [ ! -e "$ONCE" ] || [ -f "$ONCE" ]; }; }

# record EVENT NAME DIGEST [CODE]: written beside the old one, in what was not there before (-C), and put in its place. A line
# that was cut off in the middle of writing gets its end.
record() (
    umask 077
    set -C
    is_plain && mkdir -p "${ONCE%/*}" && rm -f "$ONCE.new" && {
        { [ ! -e "$ONCE" ] || cat "$ONCE"; } && { [ ! -s "$ONCE" ] || [ -z "$(tail -c 1 "$ONCE")" ] || echo; } &&
            printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "${4-}"
    } >"$ONCE.new" && sync && mv -f "$ONCE.new" "$ONCE" && sync
)

# last NAME: the last event on record, and its code. A line that was cut off in the middle of writing does not count.
last() {
    event='' code=''
    is_plain || { say "$ONCE is no file: nothing tells what was run"; leave 1; }
    [ -e "$ONCE" ] || return 0
    while IFS=$tab read -r one what with at rest; do
        [ "$what" = "$1" ] || continue
        event=$one code=$rest
    done <"$ONCE" || { say "$ONCE cannot be read: nothing tells what was run"; leave 1; }
}

run_once() {
    while IFS=$tab read -r digest name <&3; do
        last "$name"
        case $event in
            done) continue ;;
            started)
                say "$name was started once, and its end is not on record: it may have been carried out, in part or not at all. It is neither run again nor skipped before somebody decides."
                undecided=yes
                return 0
                ;;
        esac
        [ -z "$stopping" ] || return 0
        record started "$name" "$digest" || { say "$ONCE cannot be written: $name was not run"; leave 1; }
        say "$name: run once"
        run "$here/once.d/$name"
        result=$?
        # Told to stop in the middle of it: how far it came is not known.
        [ -z "$stopping" ] || return 0
        if [ $result -ne 0 ]; then
            record failed "$name" "$digest" "$result"
            say "$name failed with code $result: the server is stopped"
            leave "$result"
        fi
        record "done" "$name" "$digest" || leave 1
        say "$name: done"
    done 3<"$here/once"
}

run_each() {
    while IFS= read -r name <&3; do
        [ -z "$stopping" ] || return 0
        run "$here/each.d/$name"
        result=$?
        [ -z "$stopping" ] || return 0
        [ $result -eq 0 ] || { say "$name failed with code $result: the server is stopped"; leave $result; }
    done 3<"$here/each"
}

# A failure is known to be one: it is not tried again before somebody decides.
while IFS=$tab read -r digest name; do
    last "$name"
    [ "$event" != failed ] || { say "$name failed before, with code $code (see above, or $ONCE): not run again before somebody decides"; exit "$code"; }
done <"$here/once"

if [ -e "$here/before" ]; then
    run "$here/before"
    result=$?
    [ -z "$stopping" ] || exit 143
    [ $result -eq 0 ] || { say "what comes before the server failed with code $result"; exit $result; }
fi
sh "$here/server" &
server=$!
undecided=''
until run "$here/ready" >/dev/null 2>&1; do
    kill -0 "$server" 2>/dev/null && [ -z "$stopping" ] || server_ends
    sleep 0.5
done
run_once
if [ -z "$undecided$stopping" ]; then run_each; fi
if [ -z "$undecided$stopping" ]; then
    : >"$READY"
    say "ready"
fi
server_ends
