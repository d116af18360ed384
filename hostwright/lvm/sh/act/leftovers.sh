# What a run leaves, and is to be cleared away.
# needs: prelude asking copies exchange lent holders
# given: VG COPY_TAG LENT

# verb: clear_tags VOLUME
clear_tags() { clear_tag "$1" "$COPY_TAG"; }

# clear_tag VOLUME TAG
clear_tag() {
    has_tag "$1" "$2"
    case $? in
        0) try lvchange --deltag "$2" "$VG/$1" ;;
        1) return 0 ;;
        *) return 1 ;;
    esac
}

# verb: remove_image IMAGE
remove_image() {
    local left
    [ -e "$1" ] || return 0
    own_directory "${1%/*}" && detach_image "$1" || return 1
    left=$(losetup -j "$1" 2>&1) && [ -z "$left" ] || { why "$1 is still in use ($left)"; return 1; }
    rm -f "$1" || { why "$1 could not be removed"; return 1; }
    rmdir "${1%/*}" 2>/dev/null
    sync
}

# verb: discard COPY [IMAGE]
# A copy that nobody relies on goes, and a borrowed disk is given back.
discard() {
    local id disk
    has_volume "$1"
    case $? in
        0)
            id=$(by_id "$1") || { why "LVM does not tell the id of $VG/$1"; return 1; }
            ! named_in_fstab "$id" || { why "$1 is home now: it stays"; return 1; }
            has_tag "$1" "$COPY_TAG" || { why "$VG/$1 is not ours"; return 1; }
            remove_volume "$1" || return 1
            ;;
        1) ;;
        *) return 1 ;;
    esac
    if [ -n "$2" ] && ! named_in_fstab "$2"; then remove_image "$2" || return 1; fi
    ask pvs -o pv_name -S "pv_uuid=~^${LENT:?} && (vg_name=$VG || vg_name=\"\")" || return 1
    for disk in $answer; do
        give_back "$disk" || return 1
    done
}

# named_in_fstab SPEC: also where fstab cannot be read, or is empty.
named_in_fstab() {
    ! awk -v spec="$(escaped "$1" | sed 's/\\/\\\\/g')" '$1 == spec { found = 1 } END { exit found || !NR }' /etc/fstab
}
