# Where lists lie: on disk, for in memory they would grow with the source. $LISTS leads there.
# needs: prelude asking copies exchange work
# given: VG LV LISTS_TAG LISTS_SUFFIX RUN
# sets: LISTS TMPDIR
LISTS=$RUN/lists

prepare() { mkdir -p "$LISTS"; }

clear_up() { drop_lists; }

# verb: make_lists [PLACE] [EXTENTS] DISK...
# In a directory, in a volume of so many extents on these disks, or nowhere but in memory. In a volume they lie on ext4,
# whatever the source is.
make_lists() {
    local name extents tags lists_in
    case $1 in
        '')
            export TMPDIR="$LISTS"
            return 0
            ;;
        /*)
            own_directory "${1%/*}" || return 1
            rm -rf "$1" && mkdir "$1" || { why "$1 cannot be made"; return 1; }
            lists_in=$1
            ;;
        *)
            name=$1 extents=$2 lists_in=$RUN/disk
            shift 2
            tags=$(tag_options) &&
                try lvcreate -y -Wy -Zy -l "$extents" -n "$name" --addtag "$LISTS_TAG" $tags "$VG" "$@" && settle &&
                try mke2fs -q -F -t ext4 -O ^has_journal -m 0 -N 512 "$(volume "$name")" && mkdir -p "$lists_in" &&
                try mount -t ext4 -o noatime,nodev,nosuid,noexec "$(volume "$name")" "$lists_in" ||
                { forget_lists "$name"; return 1; }
            ;;
    esac
    rm -rf "$LISTS" && ln -s "$lists_in" "$LISTS" || { why "$LISTS cannot lead to $lists_in"; return 1; }
    export TMPDIR="$lists_in"
}

# verb: drop_lists
drop_lists() {
    local lists_in
    unset TMPDIR
    lists_in=$(readlink "$LISTS") || { rm -rf "$LISTS"; return 0; }
    rm -f "$LISTS" && mkdir "$LISTS"
    if [ "$lists_in" = "$RUN/disk" ]; then
        unmount "$lists_in" && rmdir "$lists_in" && discard_lists "$LV$LISTS_SUFFIX" ''
    else
        discard_lists '' "$lists_in"
    fi
}

# forget_lists VOLUME: one that could not be made in full.
forget_lists() {
    local said
    said=$reason
    has_volume "$1"
    [ $? -eq 1 ] || discard_lists "$1" '' || say "    warning: left behind: $reason"
    reason=$said
}

# verb: discard_lists [VOLUME] [DIRECTORY]
# What a run made, or left, and maybe mounted.
discard_lists() {
    local at
    if [ -n "$1" ]; then
        has_tag "$1" "$LISTS_TAG"
        case $? in
            0) ;;
            1) why "$VG/$1 has no tag of ours: it stays"; return 1 ;;
            *) return 1 ;;
        esac
        for at in $(awk -v lists="$(number_of "$(volume "$1")")" '$3 == lists { print $5 }' /proc/self/mountinfo); do
            unmount "$at" || return 1
        done
        remove_volume "$1" || return 1
    fi
    if [ -n "$2" ] && [ -d "$2" ]; then
        own_directory "${2%/*}" && rm -rf "$2" || return 1
        rmdir "${2%/*}" 2>/dev/null
    fi
    return 0
}
