# One volume takes the place of another as the source, and back.
# needs: prelude asking copies home_line lists mounted holders room units work kinds
# given: VG LV MOUNT KIND OPTIONS UUID WORK LISTS COVER_TAG COVER_XATTR RUN
# sets: pointed served
pointed=''

# What lies beneath the source must take no write while that is away: its directory is made immutable, and marked as
# done by us. It cannot be seen when the source is back: a tag of the group remembers it, for who comes after a run that
# was lost then.
beneath() {
    local parent
    parent=$(stat -c %m "${MOUNT%/*}/.") || { why "where $MOUNT lies could not be found out"; return 1; }
    mkdir -p "$WORK/under" && try mount --bind "$parent" "$WORK/under" || return 1
    bare="$WORK/under/${MOUNT#"${parent%/}/"}"
}

cover() {
    local flags
    beneath || return 1
    flags=$(lsattr -d "$bare" 2>"$RUN/out") ||
        { why "$bare cannot be protected from writes (lsattr: $(tail -n 1 "$RUN/out"))"; return 1; }
    case ${flags%% *} in
        *i*) ;;
        *)
            try vgchange --addtag "$COVER_TAG$LV" "$VG" || return 1
            setfattr -n "$COVER_XATTR" -v 1 "$bare" && chattr +i "$bare" ||
                { why "$bare cannot be protected from writes"; return 1; }
            ;;
    esac
    unmount "$WORK/under"
}

# verb: uncover
uncover() {
    local tags tagged mark
    tags=$(lvm vgs --noheadings -o vg_tags "$VG" 2>"$RUN/out") || { why "vgs: $(tail -n 1 "$RUN/out")"; return 1; }
    case ,$(echo $tags), in *,"$COVER_TAG$LV",*) tagged=yes ;; *) tagged='' ;; esac
    # The tag comes first; those who did without had the mark.
    [ -n "$tagged" ] || command -v getfattr >/dev/null || return 0
    beneath || return 1
    # Asked for a name that is not there, getfattr fails as it does for any other reason.
    mark=$(getfattr --absolute-names -m "^$COVER_XATTR\$" "$bare" 2>"$RUN/out") ||
        { why "getfattr: $(tail -n 1 "$RUN/out")"; return 1; }
    if [ -n "$mark" ]; then
        chattr -i "$bare" && setfattr -x "$COVER_XATTR" "$bare" && sync ||
            { why "$bare cannot be written again"; return 1; }
    fi
    unmount "$WORK/under" || return 1
    [ -z "$tagged" ] || try vgchange --deltag "$COVER_TAG$LV" "$VG"
}

# verb: take_away [IMAGE]
# The source is unmounted everywhere and its file system checked, before anything irreversible.
take_away() {
    local from
    from=$(source_of "$MOUNT") || { why "what $MOUNT is mounted from could not be found out"; return 1; }
    unmount_work && make_room && cover && unmount "$MOUNT" || return 1
    case $from in
        /dev/loop*) detach_image "$1" ;; # we made it ourselves, not long ago
        *) closed "$from" && check_file_system "$from" ;;
    esac
}

# verb: serve_volume VOLUME
serve_volume() {
    local id
    id=$(by_id "$1") || { why "LVM does not tell the id of $VG/$1"; return 1; }
    point_to "$id" "$OPTIONS" "$1" && pointed=$1
}

# verb: serve_image IMAGE
serve_image() { detach_image "$1" && point_to "$1" "loop,$OPTIONS" "$1" && pointed=$1; }

# exchanged: the source is what fstab says, and can be written there, or what it was before is no more.
exchanged() {
    [ -z "$pointed" ] || served=$pointed
    pointed=''
}

# point_back: what came before the exchange is undone: the boot takes the source from where it is still whole and
# newest.
point_back() {
    [ -n "$pointed" ] && [ "$pointed" != "$served" ] || return 0
    case $served in
        /*) [ -e "$served" ] ;;
        *) has_volume "$served"; [ $? -ne 1 ] ;;
    esac || { exchanged; return 0; }
    say "    letting the boot take $MOUNT from $served again"
    case $served in /*) serve_image "$served" ;; *) serve_volume "$served" ;; esac || return 1
    pointed=''
    [ -z "$(device_at "$MOUNT")" ] || unmount "$MOUNT"
}

# verb: bring_back
bring_back() {
    settle
    # It may fail though it has mounted, where the note of it (/run/mount/utab) could not be written.
    try mount "$MOUNT" || [ -n "$(device_at "$MOUNT")" ] || return 1
    # From the first writable mount on, this may be what is newest; unless it is what the source was before.
    is_read_only
    [ $? -eq 0 ] || is_served || exchanged
    is_back && start_units && uncover
}

# verb: remove_volume VOLUME
remove_volume() {
    closed "$(volume "$1")" && try lvremove -f "$VG/$1" || return 1
    [ "$1" != "$LV" ] || exchanged
    settle
}

# verb: rename_volume VOLUME NAME
rename_volume() {
    try lvrename "$VG" "$1" "$2" || return 1
    [ "$served" != "$1" ] || served=$2
    [ "$pointed" != "$1" ] || pointed=$2
    settle
}

# verb: set_identity VOLUME
# The UUID and label that the source has always had. A cut in it may cost the file system: nobody relies on it
# yet, but where its kind identifies safely.
set_identity() {
    local at now
    at=$(volume "$1")
    closed "$at" || return 1
    of_kind "$KIND" identify "$at" || return 1
    sync
    udevadm trigger --settle "$(readlink -f "$at")" 2>/dev/null ||
        udevadm trigger --sysname-match="$(basename "$(readlink -f "$at")")" 2>/dev/null
    settle
    now=$(blkid -p -o value -s UUID "$at")
    [ "$now" = "$UUID" ] || { why "$at has UUID $now instead of $UUID"; return 1; }
    ! of_kind "$KIND" identifies_safely || return 0
    list_looks "$at" "$LISTS/looks.now" || return 1
    cmp -s "$LISTS/looks.now" "$LISTS/looks" || why "$at is not what it was before it had its UUID"
}

# list_looks DEVICE FILE
list_looks() {
    mkdir -p "$WORK/copy" && try mount -t "$KIND" -o ro,noatime "$1" "$WORK/copy" &&
        entries "$WORK/copy" "$LISTS/there" &&
        sorted "$2" looks "$LISTS/there" && unmount "$WORK/copy"
}
