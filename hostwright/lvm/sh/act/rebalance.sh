# The source is put back where a step fails, or a run was lost. LV is its volume, that shrinks, COPY the name of the
# smaller one.
# needs: prelude asking exchange home_line leftovers mounted holders places processes tree units work
# given: VG LV COPY IMAGE MOUNT OPTIONS COPY_TAG UNITS RUN
# sets: VG LV MOUNT OPTIONS

# verb: put_back
# The source is mounted as fstab says, and can be written, by those who did before.
put_back() {
    unmount_work || say "    warning: $reason"
    if [ -z "$(device_at "$MOUNT")" ]; then
        say "    putting $MOUNT back"
        settle
        # What somebody still has of it is as read-only as we made it, and cannot be mounted otherwise before it is
        # changed.
        try mount "$MOUNT" || [ -n "$(device_at "$MOUNT")" ] || try mount -o ro "$MOUNT" ||
            { why "$MOUNT could not be mounted ($reason); the data are safe, see /etc/fstab"; return 1; }
    fi
    is_read_only
    case $? in
        0) try mount -o remount,rw "$MOUNT" || { why "$MOUNT stays read-only ($reason)"; return 1; } ;;
        1) ;;
        *) why "whether $MOUNT can be written could not be found out"; return 1 ;;
    esac
    start_units && uncover && is_back
}

# Nothing of the source is away where no copy is made: what is there stays, and the next run goes on from it.
undo() {
    local kept
    stop_copying
    [ -n "$COPY" ] || return 0
    kept=$reason
    if [ -n "$MOUNT" ]; then point_back && put_back || say "    warning: $reason"; fi
    drop_lists || say "    warning: left behind: $reason"
    discard "$COPY" "$IMAGE" || say "    warning: left behind: $reason"
    # A copy that had the source's name already, when that had to go back to where it was staged.
    case $served in
        /*)
            if has_volume "$LV" && has_tag "$LV" "$COPY_TAG"; then
                discard "$LV" '' || say "    warning: left behind: $reason"
            fi
            ;;
    esac
    if [ -n "$MOUNT" ] && is_alone; then restore_fstab || say "    warning: $reason"; fi
    [ -z "$MOUNT" ] || tell
    reason=$kept
}

# tell: whether the source is back, as it is found now.
tell() {
    if uncover && is_back; then
        say "$MOUNT is back: $(df -Ph "$MOUNT" | tail -n 1)"
    else
        say "$MOUNT is NOT back as it was: $reason. Mend that, and run again: that begins with putting it back"
    fi
}

# is_alone: fstab takes the source from its old volume by id, and no copy is left that could be taken for it.
is_alone() {
    local id
    has_volume "$COPY"
    [ $? -eq 1 ] && id=$(by_id "$LV") && named_in_fstab "$id"
}

# told_of NAME: a value of the header of a lost job's script, which is quoted where it must be.
told_of() {
    local value
    value=$(printf '%s\n' "$told" | grep "^$1=") || return 1
    value=${value#*=}
    case $value in
        \'*) printf '%s\n' "$value" | sed "s/^'//; s/'\$//; s/'\"'\"'/'/g" ;;
        *) printf '%s\n' "$value" ;;
    esac
}

# verb: recover JOB
# A run that was ended by force left nobody behind to put the source back.
recover() {
    local lost told found pid
    lost=${RUN%/*}/$1
    told=$(sed '/^#/q' "$lost/job.sh") && MOUNT=$(told_of MOUNT) && OPTIONS=$(told_of OPTIONS) && VG=$(told_of VG) &&
        LV=$(told_of LV) ||
        {
            why "$lost/job.sh does not tell what the lost run was about:" \
                "see that what it worked on is mounted, then remove $lost"
            return 1
        }
    found=$(bearing "HOSTWRIGHT_JOB=$1") ||
        { why "what the lost run still has at work could not be found out"; return 1; }
    for pid in $found; do kill -KILL "$pid" 2>/dev/null; done
    if [ -n "$MOUNT" ]; then put_back || return 1; fi
    [ -z "$(device_at "$lost/disk")" ] || unmount "$lost/disk" || return 1
    systemctl reset-failed "$UNITS" 2>/dev/null
    echo '1 ended by force' >"$lost/status" || why "$lost/status cannot be written"
}
