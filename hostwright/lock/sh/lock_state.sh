# Who holds a lock, and who changes that now. What it knows is below $LOCKS, so a reboot frees it; the highest number
# that may have been given out is below $KEPT. LOCK is its name, OWNER the controller, user and run that takes it, with
# no blank in it.
# needs: processes ownership
# header: LOCK LOCKS HOLDER
# sets: SELF place tab reason ticket taken now h_number h_owner
#
# The holder is one line of words with tabs between; HOLDER has the variables for them, in their order. Times are
# seconds since boot, but for h_since, which is for people. h_watch is the process, as PID:START, that lives while its
# owner does.
SELF=${SELF:-$$}
place=$LOCKS/$LOCK tab='	' reason='' ticket='' taken=''

uptime_now() { read -r now _ <"$PROC/uptime" && now=${now%.*}; }

# guarded COMMAND...: nobody else decides meanwhile.
guarded() {
    local guarded
    { command exec 8>>"$place/mutex"; } 2>/dev/null ||
        { reason="$place/mutex cannot be written$(needs_root)"; return 1; }
    flock -w 20 8 || {
        exec 8>&-
        reason="the lock $LOCK is being changed by a process that hangs: $(mutex_holder)"
        return 1
    }
    "$@"
    guarded=$?
    exec 8>&-
    return $guarded
}

# mutex_holder: who has the mutex, as `PID of USER (NAME)`; a kernel before 4.1 tells only who has it open.
mutex_holder() {
    local between opened locked file process
    between=''
    opened=$(find "$PROC"/[0-9]*/fd -lname "$place/mutex" 2>/dev/null)
    locked=$(for file in $opened; do echo "${file%/fd/*}/fdinfo/${file##*/}"; done | xargs -r grep -ls '^lock:')
    for file in ${locked:-$opened}; do
        process=${file%/fd*/*}
        printf '%s%s of %s (%s)' "$between" "${process##*/}" "$(stat -c %U "$process")" \
            "$(LC_ALL=C tr -cd '!-~' <"$process/comm")"
        between=', '
    done
    [ -n "$opened" ] || printf 'it is not known which, see fuser %s' "$place/mutex"
} 2>/dev/null

# read_holder: sets h_number and so on; fails where there is none.
read_holder() {
    h_number='' h_owner=''
    # shellcheck disable=SC2229 # it has the names of variables
    [ -e "$place/holder" ] && IFS=$tab read -r $HOLDER <"$place/holder"
}

write_holder() {
    local word line
    line=''
    for word in $HOLDER; do eval "line=\$line\${line:+\$tab}\$$word"; done
    printf '%s\n' "$line" >"$place/holder.new" && mv "$place/holder.new" "$place/holder" ||
        { reason="$place/holder cannot be written"; return 1; }
}

# told_of_holder: "NAME since ..., doing ...".
told_of_holder() {
    if read_holder; then
        printf '%s\n' "held by $h_owner since $h_since ($((now - h_taken)) s), $h_doing"
    else
        echo "free, but others came first"
    fi
}
