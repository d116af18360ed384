# Where a copy goes: a volume, an image, a lent disk. TAGS, READ_AHEAD, ALLOCATION and PROFILE are those of the volume.
# needs: prelude asking ownership kinds
# given: VG KIND TAGS READ_AHEAD ALLOCATION PROFILE COPY_TAG WIPE_TAG LENT RUN
# sets: device

# verb: borrow_disk DISK WIPED
# The UUID says, from the first moment, that it is lent; the tag, how much of it must be wiped then.
borrow_disk() {
    local some
    some=$(od -An -tx1 -N 11 /dev/urandom | tr -d ' ' | sed 's/^\(....\)\(....\)\(....\)\(....\)/\1-\2-\3-\4-/')
    try pvcreate -y --norestorefile --uuid "$LENT$some" "$1" && try vgextend "$VG" "$1" &&
        try pvchange --addtag "$WIPE_TAG$2" "$1"
}

# tag_options: for the tags that the source has; a host may let no volume without them be active.
tag_options() { [ -z "$TAGS" ] || printf '%s\n' "$TAGS" | sed 's/^/--addtag /; s/,/ --addtag /g'; }

# verb: make_volume VOLUME EXTENTS DISK...
# A policy of allocation is for later; now it could find no room, with the old source gone.
make_volume() {
    local name extents tags
    name=$1 extents=$2
    shift 2
    tags=$(tag_options) &&
        try lvcreate -y -Wy -Zy -l "$extents" -n "$name" -r "$READ_AHEAD" --addtag "$COPY_TAG" $tags "$VG" "$@" ||
        return 1
    if [ "$ALLOCATION" != inherit ] || [ -n "$PROFILE" ]; then
        try lvchange --alloc "$ALLOCATION" ${PROFILE:+--metadataprofile "$PROFILE"} "$VG/$name" ||
            say "    warning: $reason"
    fi
    settle
}

# verb: make_image IMAGE SIZE
# Every block of it allocated, so that no write to it can fail for want of room.
make_image() {
    own_directory "${1%/*}" || return 1
    rm -f "$1" && (umask 077 && : >"$1") && try fallocate -l "$2" "$1" || return 1
    chcon -t mount_loopback_t "$1" 2>/dev/null || :
    sync
}

# attach_image FILE: sets loop. Past the page cache, where losetup and what it lies on can: else all of it is in memory
# twice.
attach_image() {
    local below
    loop=$(losetup -j "$1" | sed 's/:.*//;q')
    [ -z "$loop" ] || return 0
    loop=$(losetup -f --show "$1" 2>"$RUN/out") || { why "losetup: $(tail -n 1 "$RUN/out")"; return 1; }
    # For some it tells two names, with a slash between.
    below=$(stat -f -c %T "$1")
    ! of_kind "${below%%/*}" takes_direct || losetup --direct-io=on "$loop" 2>/dev/null || :
}

detach_image() {
    local loop
    loop=$(losetup -j "$1" 2>/dev/null | sed 's/:.*//;q')
    [ -z "$loop" ] || losetup -d "$loop" 2>/dev/null || :
}

# target_device TARGET: sets device; a target is the name of a volume or the path of an image.
target_device() {
    local loop
    case $1 in
        /*) attach_image "$1" && device=$loop ;;
        *) device=$(volume "$1") ;;
    esac
}

# verb: make_file_system TARGET COMMAND...
# Only on what carries our tag, or is an image that we made.
make_file_system() {
    local target
    target=$1
    shift
    target_device "$target" || return 1
    case $target in
        /*) ;;
        *)
            has_tag "$target" "$COPY_TAG" || { why "$device has no tag of ours: not formatted"; return 1; }
            closed "$device" || return 1
            ;;
    esac
    try "$@" "$device"
}

# own_directory DIRECTORY
own_directory() {
    mkdir -p "$1" && only_root "$1" ||
        why "$1 is not root's alone: others could put something in the place of what is made there"
}

# forget TARGET: what is read from it next comes from the disk.
forget() {
    sync
    target_device "$1" || return 1
    case $1 in /*) dd if="$1" iflag=nocache count=0 2>/dev/null ;; esac
    blockdev --flushbufs "$device" 2>/dev/null || :
}

check_file_system() {
    of_kind "$KIND" check "$1" || why "the file system on $1 is damaged ($reason)"
}
