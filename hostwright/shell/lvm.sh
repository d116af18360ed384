# The steps of a rebalance. The header sets VG LV (the volume that shrinks) COPY (the name of the smaller one) MOUNT KIND
# QUOTA (mount options for quotas) TAGS READ_AHEAD ALLOCATION PROFILE (the volume's own) UUID LABEL ORIGINAL and MARKER (fstab
# lines) SERVED (what home is served from: a volume's name or an image's path) PROOF (of the copy that is home, from the
# marker) TRUST (yes: a copy is not compared with what was proved) LOGIN BUSY WORK (mount points of our own).
live=no pointed='' served=$SERVED

volume() { echo "/dev/$VG/$1"; }

# number_of DEVICE: nothing where that is not known.
number_of() {
    hex=$(stat -L -c '%t %T' "$1") && [ -n "$hex" ] && printf '%d:%d\n' "0x${hex% *}" "0x${hex#* }"
}

same_device() { [ -b "$1" ] && [ -b "$2" ] && one=$(number_of "$1") && [ "$one" = "$(number_of "$2")" ]; }

# ask COMMAND...: $answer is what LVM tells, a line each. That it fails is no answer.
ask() {
    answer=$(lvm "$@" --noheadings 2>"$RUN/out") || { why "lvm $1: $(grep -v '^ *$' "$RUN/out" | tail -n 1)"; return 1; }
    answer=$(printf '%s\n' "$answer" | sed 's/^ *//; s/ *$//; /^$/d')
}

# has_volume NAME: 1 where it is not, 2 where LVM does not tell.
has_volume() {
    ask vgs -o lv_count "$VG" && count=$answer && ask lvs -o lv_name "$VG" || return 2
    [ "$(printf '%s\n' "$answer" | grep -c .)" = "$count" ] || { why "LVM counts $count volumes in $VG, but names others"; return 2; }
    printf '%s\n' "$answer" | grep -Fqx -e "$1"
}

# has_tag VOLUME TAG: the same.
has_tag() {
    ask lvs -o lv_name,lv_tags "$VG/$1" || return 2
    case $answer in
        "$1") return 1 ;;
        "$1 "*) case ,${answer##* }, in *,"$2",*) ;; *) return 1 ;; esac ;;
        *) why "LVM does not tell the tags of $VG/$1"; return 2 ;;
    esac
}

settle() { udevadm settle --timeout=30 2>/dev/null || :; }

by_id() {
    ask lvs -o vg_uuid,lv_uuid "$VG/$1" && [ -n "$answer" ] && echo "/dev/disk/by-id/dm-uuid-LVM-$(printf %s "$answer" | tr -d ' -')"
}

# closed DEVICE: nobody has it open, in no mount namespace; only then may it be reduced, formatted or removed.
closed() {
    tries=0
    settle
    if [ ! -b "$1" ]; then
        is_inactive "$1" || return 1
        [ -b "$1" ] || return 0
    fi
    while [ "$(dmsetup info -c --noheadings -o open "$1" | tr -d ' ')" != 0 ]; do
        tries=$((tries + 1))
        [ $tries -lt 50 ] || { why "$1 is still open: nothing was changed on it"; return 1; }
        sleep 0.2
    done
}

# is_inactive DEVICE: the kernel knows no such volume. udev makes no device file of an active one while /run is full.
is_inactive() {
    active=$(dmsetup info -c --noheadings -o name 2>"$RUN/out") || { why "dmsetup: $(tail -n 1 "$RUN/out")"; return 1; }
    name=$(mapped "${1##*/}")
    ! printf '%s\n' "$active" | grep -Fqx -e "${name##*/}" || { try vgmknodes "$VG" && [ -b "$1" ]; } || why "$1 is active, but has no device file"
}

# verb: is_unchanged SEQUENCE
is_unchanged() {
    ask vgs -o vg_seqno "$VG" || return 1
    [ "$answer" = "$1" ] || why "$VG changed since the plan was made (metadata $answer, planned on $1): run again"
}

# verb: install_packages PACKAGE...
install_packages() {
    if command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        try apt-get install -y --no-install-recommends "$@" || { try apt-get update && try apt-get install -y --no-install-recommends "$@"; }
    elif command -v dnf >/dev/null; then try dnf install -y "$@"
    elif command -v yum >/dev/null; then try yum install -y "$@"
    elif command -v zypper >/dev/null; then try zypper --non-interactive install "$@"
    else why "no apt, dnf, yum or zypper here: install $* by hand"
    fi
}

# -- where the copy goes

# verb: borrow_disk DISK WIPED
# The UUID says, from the first moment, that it is lent; the tag, how much of it must be wiped then.
borrow_disk() {
    some=$(od -An -tx1 -N 11 /dev/urandom | tr -d ' ' | sed 's/^\(....\)\(....\)\(....\)\(....\)/\1-\2-\3-\4-/')
    try pvcreate -y --norestorefile --uuid "hostwr-ight-$some" "$1" && try vgextend "$VG" "$1" && try pvchange --addtag "hostwright.wipe.$2" "$1"
}

# tag_options: for the tags that home has; a host may let no volume without them be active.
tag_options() { [ -z "$TAGS" ] || printf '%s\n' "$TAGS" | sed 's/^/--addtag /; s/,/ --addtag /g'; }

# verb: make_volume VOLUME EXTENTS DISK...
# A policy of allocation is for later; now it could find no room, with the old home gone.
make_volume() {
    name=$1 extents=$2
    shift 2
    tags=$(tag_options) && try lvcreate -y -Wy -Zy -l "$extents" -n "$name" -r "$READ_AHEAD" --addtag hostwright.copy $tags "$VG" "$@" || return 1
    if [ "$ALLOCATION" != inherit ] || [ -n "$PROFILE" ]; then
        try lvchange --alloc "$ALLOCATION" ${PROFILE:+--metadataprofile "$PROFILE"} "$VG/$name" || say "    warning: $reason"
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

# attach_image FILE: past the page cache, where losetup can: else all of it is in memory twice. A file system below that
# keeps checksums of data (btrfs) would take amiss what changes while it is on its way to the disk.
attach_image() {
    loop=$(losetup -j "$1" | sed 's/:.*//;q')
    [ -z "$loop" ] || return 0
    loop=$(losetup -f --show "$1" 2>"$RUN/out") || { why "losetup: $(tail -n 1 "$RUN/out")"; return 1; }
    case $(stat -f -c %T "$1") in xfs | ext*) losetup --direct-io=on "$loop" 2>/dev/null || : ;; esac
}

detach_image() {
    loop=$(losetup -j "$1" 2>/dev/null | sed 's/:.*//;q')
    [ -z "$loop" ] || losetup -d "$loop" 2>/dev/null || :
}

# target_device TARGET: sets device; a target is the name of a volume or the path of an image.
target_device() {
    case $1 in
        /*) attach_image "$1" && device=$loop ;;
        *) device=$(volume "$1") ;;
    esac
}

# verb: make_file_system TARGET COMMAND...
# Only on what carries our tag, or is an image that we made.
make_file_system() {
    target=$1
    shift
    target_device "$target" || return 1
    case $target in
        /*) ;;
        *)
            has_tag "$target" hostwright.copy || { why "$device has no tag of ours: not formatted"; return 1; }
            closed "$device" || return 1
            ;;
    esac
    try "$@" "$device"
}

mount_work() {
    target_device "$1" || return 1
    mkdir -p "$WORK/source" "$WORK/copy"
    if [ -z "$(device_at "$WORK/source")" ]; then
        # Private: what people mount in home meanwhile (FUSE) is not to be read in its place.
        try mount --bind "$MOUNT" "$WORK/source" && try mount --make-private "$WORK/source" &&
            try mount -o remount,bind,ro,noatime,nodev "$WORK/source" || return 1
        mount -o remount,bind,ro,noatime,nodev,nosymfollow "$WORK/source" 2>/dev/null || :
    fi
    seal=,nosymfollow
    # Older kernels take that option for nothing.
    awk -v at="$WORK/source" '$5 == at && $6 ~ /nosymfollow/ { found = 1 } END { exit !found }' /proc/self/mountinfo || { seal=''; lay_out_cell || return 1; }
    home_device=$(device_at "$MOUNT")
    [ -n "$home_device" ] && is_mounted "$WORK/source" "$home_device" || { why "$MOUNT is not mounted"; return 1; }
    [ -n "$(device_at "$WORK/copy")" ] || try mount -t "$KIND" -o "$2$seal" "$device" "$WORK/copy"
}

# lay_out_cell: where no mount can forbid it, what reads home has nothing but programs, home and its copy to be led to by a link.
programs='bin sbin lib lib32 lib64 libx32 usr/bin usr/sbin usr/lib usr/lib32 usr/lib64 usr/libx32'
lay_out_cell() {
    cell="chroot $WORK"
    [ -z "$(device_at "$WORK/dev/null")" ] || return 0
    # Paths mean there what they mean here.
    mkdir -p "$WORK/usr" "$WORK/dev" "$WORK${WORK%/*}" && ln -sfn / "$WORK$WORK" || return 1
    for directory in $programs; do
        if [ -h "/$directory" ]; then ln -sfn "$(readlink "/$directory")" "$WORK/$directory" || return 1
        elif [ -d "/$directory" ]; then
            mkdir -p "$WORK/$directory" && try mount --bind "/$directory" "$WORK/$directory" &&
                try mount -o remount,bind,ro "$WORK/$directory" || return 1
        fi
    done
    : >"$WORK/dev/null" && try mount --bind /dev/null "$WORK/dev/null"
}

clear_cell() {
    cell=''
    [ -d "$WORK/dev" ] || return 0
    for name in $programs dev/null; do
        while [ -n "$(device_at "$WORK/$name")" ]; do umount "$WORK/$name" 2>"$RUN/out" || { why "$(tail -n 1 "$RUN/out")"; return 1; }; done
        if [ -h "$WORK/$name" ] || [ -f "$WORK/$name" ]; then rm "$WORK/$name"; else rmdir "$WORK/$name" 2>/dev/null; fi
    done
    rm -f "$WORK$WORK"
    inside=${WORK#/}
    (cd "$WORK" && rmdir -p usr dev "${inside%/*}") 2>/dev/null || :
}

unmount() {
    tries=0
    while [ -n "$(device_at "$1")" ]; do
        umount "$1" 2>"$RUN/out" && continue
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { why "$(tail -n 1 "$RUN/out"); held by: $(name_holders "$1")"; return 1; }
        sleep 0.1
    done
}

unmount_work() {
    for at in "$WORK/copy" "$WORK/source" "$WORK/under"; do
        [ -z "$(device_at "$at")" ] || unmount "$at" || return 1
    done
    clear_cell
}

# -- who uses home

# forget TARGET: what is read from it next comes from the disk.
forget() {
    sync
    target_device "$1" || return 1
    case $1 in /*) dd if="$1" iflag=nocache count=0 2>/dev/null ;; esac
    blockdev --flushbufs "$device" 2>/dev/null || :
}

# name_holders DIRECTORY: for people, and never nothing.
name_holders() {
    held=$(holders "$1" "$LOGIN") && names=$(printf '%s\n' "$held" | awk -F '\t' '$1 == "process" {
        printf "%s%s (pid %s, user %s, %s%s)", sep, $6, $2, $3, $5, ($4 == "-" ? "" : ", " $4); sep = "; " }
        $1 != "process" && NF { printf "%s%s %s", sep, $1, $2; sep = "; " }') || names='whom could not be found out'
    printf '%s\n' "${names:-nobody that can be seen from here (fuser -vm $1 may tell more)}"
}

# make_room: nobody but us is left in home; refuses, or stops units first, then what still runs.
make_room() {
    held=$(steady_holders "$MOUNT" "$LOGIN") || { why "who uses $MOUNT could not be found out"; return 1; }
    [ -n "$held" ] || return 0
    if [ "$BUSY" != stop ]; then
        why "$MOUNT is in use by $(name_holders "$MOUNT")"
        return 1
    fi
    # Containers come before their engine.
    units=$(printf '%s\n' "$held" | awk -F '\t' '$1 == "process" && $4 != "-" { print $4 }') && units=$(printf '%s\n' "$units" | sort -ru) ||
        { why "the units that use $MOUNT could not be listed"; return 1; }
    for unit in $units; do
        say "    stopping $unit"
        noted "$unit" || return 1
        unit stop "$unit" && continue
        case $unit in user@*/*) ;; *) return 1 ;; esac
        say "    $reason: stopping ${unit%%/*} as a whole"
        noted "${unit%%/*}" && unit stop "${unit%%/*}" || return 1
    done
    for signal in TERM KILL; do
        tries=0
        while [ $tries -lt 50 ]; do
            held=$(holders "$MOUNT" "$LOGIN") && pids=$(printf '%s\n' "$held" | awk -F '\t' '$1 == "process" { print $2 }') ||
                { why "who uses $MOUNT could not be found out"; return 1; }
            [ -n "$pids" ] || break
            [ $tries -gt 0 ] || {
                say "    ending ($signal) $(name_holders "$MOUNT")"
                kill -s $signal $pids 2>/dev/null
            }
            tries=$((tries + 1))
            sleep 0.2
        done
    done
    held=$(steady_holders "$MOUNT" "$LOGIN") && [ -z "$held" ] || why "$MOUNT is still in use by $(name_holders "$MOUNT")"
}

# noted UNIT: what is stopped is started again, by whoever puts home back.
noted() { printf '%s\n' "$1" >>"$RUN/units" || why "$RUN/units cannot be written: $1 is not stopped"; }

# unit VERB UNIT: of the system, or as units_of names those of a user's own manager (asked as that user) and containers.
unit() {
    case $2 in
        docker/* | podman/*) try "${2%%/*}" "$1" "${2#*/}" ;;
        user@*/*)
            user=${2#user@} user=${user%%.*}
            try timeout -k 5 90 runuser -u "$(id -nu "$user")" -- \
                env -i PATH="$PATH" XDG_RUNTIME_DIR="/run/user/$user" systemctl --user "$1" -- "${2#*/}"
            ;;
        *) try systemctl "$1" -- "$2" ;;
    esac </dev/null
}

# verb: freeze
# From here to the exchange nobody can write; the superblock itself is read-only, in every namespace.
freeze() {
    make_room && note_quotas || return 1
    tries=0
    until mount -o remount,ro "$MOUNT" 2>"$RUN/out"; do
        tries=$((tries + 1))
        [ $tries -lt 30 ] || { why "$MOUNT cannot be made read-only ($(tail -n 1 "$RUN/out")): held by $(name_holders "$MOUNT")"; return 1; }
        sleep 0.2
    done
    awk -v device="$(device_at "$MOUNT")" '$3 == device { sub(/^.* - /, ""); some = 1; if ($3 !~ /^ro(,|$)/) rw = 1 } END { exit rw || !some }' /proc/self/mountinfo ||
        why "$MOUNT did not become read-only"
}

check_file_system() {
    case $KIND in
        xfs) try xfs_repair -n "$1" ;;
        ext*) try e2fsck -f -n "$1" ;;
        btrfs) try btrfs check --readonly "$1" ;;
    esac || why "the file system on $1 is damaged ($reason)"
}

# -- the exchange

# What lies beneath home must take no write while home is away: its directory is made immutable, and marked as done by us.
# It cannot be seen when home is back: a tag of the group remembers it, for who comes after a run that was lost then.
beneath() {
    parent=$(stat -c %m "${MOUNT%/*}/.") || { why "where $MOUNT lies could not be found out"; return 1; }
    mkdir -p "$WORK/under" && try mount --bind "$parent" "$WORK/under" || return 1
    bare="$WORK/under/${MOUNT#"${parent%/}/"}"
}

cover() {
    beneath || return 1
    flags=$(lsattr -d "$bare" 2>"$RUN/out") || { why "$bare cannot be protected from writes (lsattr: $(tail -n 1 "$RUN/out"))"; return 1; }
    case ${flags%% *} in
        *i*) ;;
        *)
            try vgchange --addtag "hostwright.cover.$LV" "$VG" || return 1
            setfattr -n trusted.hostwright.cover -v 1 "$bare" && chattr +i "$bare" || { why "$bare cannot be protected from writes"; return 1; }
            ;;
    esac
    unmount "$WORK/under"
}

# verb: uncover
uncover() {
    tags=$(lvm vgs --noheadings -o vg_tags "$VG" 2>"$RUN/out") || { why "vgs: $(tail -n 1 "$RUN/out")"; return 1; }
    case ,$(echo $tags), in *,"hostwright.cover.$LV",*) tagged=yes ;; *) tagged='' ;; esac
    # The tag comes first; those who did without had the mark.
    [ -n "$tagged" ] || command -v getfattr >/dev/null || return 0
    beneath || return 1
    # Asked for a name that is not there, getfattr fails as it does for any other reason.
    mark=$(getfattr --absolute-names -m '^trusted\.hostwright\.cover$' "$bare" 2>"$RUN/out") || { why "getfattr: $(tail -n 1 "$RUN/out")"; return 1; }
    if [ -n "$mark" ]; then
        chattr -i "$bare" && setfattr -x trusted.hostwright.cover "$bare" && sync || { why "$bare cannot be written again"; return 1; }
    fi
    unmount "$WORK/under" || return 1
    [ -z "$tagged" ] || try vgchange --deltag "hostwright.cover.$LV" "$VG"
}

# verb: take_away [IMAGE]
# Home is unmounted everywhere and its file system checked, before anything irreversible.
take_away() {
    from=$(source_of "$MOUNT") || { why "what $MOUNT is mounted from could not be found out"; return 1; }
    unmount_work && make_room && cover && unmount "$MOUNT" || return 1
    case $from in
        /dev/loop*) detach_image "$1" ;; # we made it ourselves, not long ago
        *) closed "$from" && check_file_system "$from" ;;
    esac
}

# source_of DIRECTORY: the device that is mounted on it.
source_of() {
    from=$(AT=$(escaped "$1") awk '$2 == ENVIRON["AT"] { found = $1 } END { print found }' /proc/mounts) && [ -n "$from" ] && readlink -f "$from"
}

# verb: serve_volume VOLUME
serve_volume() {
    id=$(by_id "$1") || { why "LVM does not tell the id of $VG/$1"; return 1; }
    point_to "$id" "$OPTIONS" "$1" && pointed=$1
}

# verb: serve_image IMAGE
serve_image() { detach_image "$1" && point_to "$1" "loop,$OPTIONS" "$1" && pointed=$1; }

# exchanged: home is what fstab says, and can be written there, or what it was before is no more.
exchanged() {
    [ -z "$pointed" ] || served=$pointed
    pointed=''
}

# point_back: what came before the exchange is undone: the boot takes home from where it is still whole and newest.
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
    # From the first writable mount on, this may be what is newest; unless it is what home was before.
    is_read_only
    [ $? -eq 0 ] || is_served || exchanged
    is_back && start_units && uncover
}

# start_units: what this job, and those that were lost before they could, have stopped; a manager before what it manages.
start_units() {
    for list in "${RUN%/*}"/*/units; do
        [ -s "$list" ] || continue
        units=$(sort -u "$list") || { why "$list cannot be read: start what it names by hand"; return 1; }
        for unit in $units; do
            say "    starting $unit"
            unit start "$unit" || say "    warning: $unit did not start: $reason"
        done
        : >"$list"
    done
}

# is_back: home is mounted from what fstab says, can be read, and written unless its options forbid it. Who asks has it
# uncovered.
is_back() {
    meant=$(findmnt -n -s -e -o SOURCE "$MOUNT" 2>"$RUN/out") || { why "$MOUNT: fstab does not tell what belongs there"; return 1; }
    found=$(source_of "$MOUNT") || { why "$MOUNT is not mounted"; return 1; }
    case $meant in
        /dev/*) [ "$(readlink -f "$meant")" = "$found" ] ;;
        *) losetup -j "$meant" | grep -q "^$found:" ;;
    esac || { why "$MOUNT is mounted from $found, and fstab says $meant"; return 1; }
    is_read_only
    [ $? -eq 1 ] || { why "$MOUNT cannot be written"; return 1; }
    try ls -A "$MOUNT" || why "$MOUNT cannot be read ($reason)"
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
# The UUID and label that home has always had. A cut in it may cost the file system: nobody relies on it
# yet, but for btrfs, whose own way survives one (btrfstune(8), -M).
set_identity() {
    at=$(volume "$1")
    closed "$at" || return 1
    case $KIND in
        xfs)
            try xfs_admin -U "$UUID" "$at" || return 1
            [ -z "$LABEL" ] || try xfs_admin -L "$LABEL" "$at"
            ;;
        ext*)
            try tune2fs -U "$UUID" "$at" || return 1
            [ -z "$LABEL" ] || try tune2fs -L "$LABEL" "$at"
            ;;
        btrfs)
            try btrfstune -f -M "$UUID" "$at" || return 1
            [ -z "$LABEL" ] || try btrfs filesystem label "$at" "$LABEL"
            ;;
    esac || return 1
    sync
    udevadm trigger --settle "$(readlink -f "$at")" 2>/dev/null || udevadm trigger --sysname-match="$(basename "$(readlink -f "$at")")" 2>/dev/null
    settle
    now=$(blkid -p -o value -s UUID "$at")
    [ "$now" = "$UUID" ] || { why "$at has UUID $now instead of $UUID"; return 1; }
    [ "$KIND" != btrfs ] || return 0
    list_looks "$at" "$LISTS/looks.now" || return 1
    cmp -s "$LISTS/looks.now" "$LISTS/looks" || why "$at is not what it was before it had its UUID"
}

# list_looks DEVICE FILE
list_looks() {
    mkdir -p "$WORK/copy" && try mount -t "$KIND" -o ro,noatime "$1" "$WORK/copy" && entries "$WORK/copy" "$LISTS/there" &&
        sorted "$2" looks "$LISTS/there" && unmount "$WORK/copy"
}

# verb: clear_tags VOLUME
clear_tags() { clear_tag "$1" hostwright.copy; }

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
    has_volume "$1"
    case $? in
        0)
            id=$(by_id "$1") || { why "LVM does not tell the id of $VG/$1"; return 1; }
            ! named_in_fstab "$id" || { why "$1 is home now: it stays"; return 1; }
            has_tag "$1" hostwright.copy || { why "$VG/$1 is not ours"; return 1; }
            remove_volume "$1" || return 1
            ;;
        1) ;;
        *) return 1 ;;
    esac
    if [ -n "$2" ] && ! named_in_fstab "$2"; then remove_image "$2" || return 1; fi
    ask pvs -o pv_name -S "pv_uuid=~^hostwr-ight- && (vg_name=$VG || vg_name=\"\")" || return 1
    for disk in $answer; do
        give_back "$disk" || return 1
    done
}

# named_in_fstab SPEC: also where fstab cannot be read, or is empty.
named_in_fstab() {
    ! awk -v spec="$(escaped "$1" | sed 's/\\/\\\\/g')" '$1 == spec { found = 1 } END { exit found || !NR }' /etc/fstab
}

# -- the scratch disk

# verb: give_back DISK
# What is on it moves to the group's own disks, and is wiped; only then the disk leaves the group.
give_back() {
    ask pvs -o pv_uuid,vg_name "$1" || return 1
    case $answer in hostwr-ight-*) ;; '') why "LVM does not tell whose $1 is"; return 1 ;; *) return 0 ;; esac
    if [ "$answer" != "${answer%% *}" ]; then
        move_away "$1" && try pvchange -x n "$1" && wipe_lent "$1" && try vgreduce "$VG" "$1" || return 1
    fi
    try pvremove -y "$1" && try dd if=/dev/zero of="$1" bs=1M count=1 conv=fsync && try wipefs -a "$1" && settle
}

# move_away DISK: online. LVM goes over to the moved extents without a flush of the disk they are on, so a power cut could
# lose what that disk's cache held: it is kept from looking how far the copy is (-i) until the disks are flushed.
move_away() {
    # What is left of a move that was cut off as it ended: it maps to nothing any more.
    ask lvs -o lv_name -S "vg_name=$VG && lv_name=~^pvmove.*_mimage_ && segtype=error" || return 1
    for left in $answer; do
        try lvremove -f "$VG/$left" || return 1
    done
    ask pvs -o pv_pe_alloc_count "$1" || return 1
    [ "$answer" != 0 ] || return 0
    ask pvs --nosuffix --units b -o pv_used "$1" && [ -n "$answer" ] || { why "LVM does not tell what of $1 is used"; return 1; }
    moving=$answer
    say "    moving $(mebibytes "$moving") back from $1"
    lvm pvmove --config "$unpolled" --atomic -i +86400 "$1" >"$RUN/out" 2>&1 &
    mover=$! percent=''
    while sleep 2 && kill -0 $mover 2>/dev/null; do
        percent=$(lvm lvs -a --noheadings -o lv_name,copy_percent "$VG" | awk '$1 ~ /pvmove/ { print $2 }')
        say "    moved ${percent:-0} %"
        [ "$percent" != 100.00 ] || break
    done
    kill $mover 2>/dev/null
    wait $mover
    if [ "$percent" = 100.00 ]; then
        ask pvs -o pv_name -S "vg_name=$VG" && [ -n "$answer" ] || { why "LVM does not tell the disks of $VG"; return 1; }
        for disk in $answer; do
            try dd if=/dev/null of="$disk" conv=notrunc,fsync || return 1
        done
        lvm pvmove --config "$unpolled" -i 1 "$1" >"$RUN/out" 2>&1
    fi
    said=$(tail -n 1 "$RUN/out")
    ask pvs -o pv_pe_alloc_count "$1" || return 1
    [ "$answer" = 0 ] || why "pvmove: $said"
}
unpolled='global { use_lvmpolld = 0 }'

# wipe_lent DISK: all that was used of it, from the first extent on (1 MiB into the disk), reads as zeros.
wipe_lent() {
    whole=$(blockdev --getsize64 "$1") && ask pvs -o pv_tags "$1" || { why "$1 does not tell its size and tags"; return 1; }
    bytes=$(printf '%s\n' "$answer" | sed -n 's/.*hostwright\.wipe\.\([0-9]*\).*/\1/p')
    [ -n "$bytes" ] && [ "$bytes" -lt "$whole" ] || bytes=$((whole / 1048576 * 1048576))
    bytes=$((bytes - 1048576))
    watch "wiping $1" "$bytes" sectors_written "$(number_of "$1")"
    { blkdiscard -z -o 1048576 -l "$bytes" "$1" || dd if=/dev/zero of="$1" bs=1M seek=1 count=$((bytes / 1048576)) conv=fsync; } >"$RUN/out" 2>&1
    code=$?
    unwatch
    [ $code -eq 0 ] || { why "wiping $1: $(tail -n 1 "$RUN/out")"; return 1; }
    echo 3 >/proc/sys/vm/drop_caches
    watch "checking $1" "$bytes" sectors_read "$(number_of "$1")"
    cmp -s -i 1048576 -n "$bytes" "$1" /dev/zero
    code=$?
    unwatch
    [ $code -eq 0 ] || why "$1 still shows data"
}

sectors_written() { awk '{ printf "%.0f\n", $7 * 512 }' "/sys/dev/block/$1/stat"; }

# -- growing, and shrinking in place

# verb: reduce_volume VOLUME EXTENTS
# lvm2 since 2.03.17 wants to look after file systems by itself; here that is already done.
reduce_volume() {
    at=$(volume "$1")
    closed "$at" || return 1
    if lvreduce --help 2>&1 | grep -q -- '--fs '; then try lvreduce -f -y --fs ignore -l "$2" "$VG/$1"; else try lvreduce -f -y -l "$2" "$VG/$1"; fi
}

# verb: extend_volume VOLUME EXTENTS [STRIPES]
# A striped volume grows by a linear segment where the group has no stripes to add.
extend_volume() { try lvextend -y ${3:+-i "$3"} -l "$2" "$VG/$1"; }

# verb: grow_file_system VOLUME KIND POINT
grow_file_system() {
    case $2 in
        xfs) try xfs_growfs "$3" ;;
        ext*) try resize2fs "$(volume "$1")" ;;
        btrfs) try btrfs filesystem resize max "$3" ;;
    esac
}

# verb: shrink_btrfs SIZE
shrink_btrfs() { try btrfs filesystem resize "$1" "$MOUNT" && sync; }

# verb: shrink_ext KIBIBYTES
shrink_ext() {
    e2fsck -f -p "$(volume "$LV")" >"$RUN/out" 2>&1
    [ $? -le 1 ] || { why "e2fsck: $(tail -n 1 "$RUN/out")"; return 1; }
    try resize2fs "$(volume "$LV")" "${1}K" && try e2fsck -f -n "$(volume "$LV")"
}

# verb: swap_off VOLUME
swap_off() { try swapoff "$(volume "$1")"; }

# verb: make_swap VOLUME [UUID] [LABEL]
make_swap() {
    try mkswap ${2:+-U "$2"} ${3:+-L "$3"} "$(volume "$1")" && settle
}

# verb: swap_on VOLUME
swap_on() { try swapon "$(volume "$1")"; }

# -- when it cannot go on

# verb: put_back
# Home is mounted as fstab says, and can be written, by those who did before.
put_back() {
    unmount_work || say "    warning: $reason"
    if [ -z "$(device_at "$MOUNT")" ]; then
        say "    putting $MOUNT back"
        settle
        # What somebody still has of it is as read-only as we made it, and cannot be mounted otherwise before it is changed.
        try mount "$MOUNT" || [ -n "$(device_at "$MOUNT")" ] || try mount -o ro "$MOUNT" || { why "$MOUNT could not be mounted ($reason); the data are safe, see /etc/fstab"; return 1; }
    fi
    is_read_only
    case $? in
        0) try mount -o remount,rw "$MOUNT" || { why "$MOUNT stays read-only ($reason)"; return 1; } ;;
        1) ;;
        *) why "whether $MOUNT can be written could not be found out"; return 1 ;;
    esac
    start_units && uncover && is_back
}

# is_read_only: though its options do not say so; fails with 1 where it can be written, with 2 where that cannot be told.
is_read_only() {
    case ,$OPTIONS, in *,ro,*) return 1 ;; esac
    AT=$(escaped "$MOUNT") awk '$5 == ENVIRON["AT"] { code = $6 !~ /^ro(,|$)/; sub(/^.* - /, ""); if ($3 ~ /^ro(,|$)/) code = 0; some = 1 }
        END { if (!some) code = 2; exit code }' /proc/self/mountinfo
}

undo() {
    kept=$reason
    if [ -n "$MOUNT" ]; then point_back && put_back || say "    warning: $reason"; fi
    drop_lists || say "    warning: left behind: $reason"
    discard "$COPY" "$IMAGE" || say "    warning: left behind: $reason"
    # A copy that had home's name already, when home had to go back to where it was staged.
    case $served in /*) if has_volume "$LV" && has_tag "$LV" hostwright.copy; then discard "$LV" '' || say "    warning: left behind: $reason"; fi ;; esac
    if [ -n "$MOUNT" ] && is_alone; then restore_fstab || say "    warning: $reason"; fi
    [ -z "$MOUNT" ] || tell
    reason=$kept
}

# tell: whether home is back, as it is found now.
tell() {
    if uncover && is_back; then
        say "$MOUNT is back: $(df -Ph "$MOUNT" | tail -n 1)"
    else
        say "$MOUNT is NOT back as it was: $reason. Mend that, and run again: that begins with putting it back"
    fi
}

# is_alone: fstab takes home from its old volume by id, and no copy is left that could be taken for it.
is_alone() {
    has_volume "$COPY"
    [ $? -eq 1 ] && id=$(by_id "$LV") && named_in_fstab "$id"
}

# told_of NAME: a value of the header of a lost job's script, which is quoted where it must be.
told_of() {
    value=$(printf '%s\n' "$told" | grep "^$1=") || return 1
    value=${value#*=}
    case $value in \'*) printf '%s\n' "$value" | sed "s/^'//; s/'\$//; s/'\"'\"'/'/g" ;; *) printf '%s\n' "$value" ;; esac
}

# verb: recover JOB
# A run that was ended by force left nobody behind to put home back.
recover() {
    lost=${RUN%/*}/$1
    told=$(sed '/^#/q' "$lost/job.sh") && MOUNT=$(told_of MOUNT) && OPTIONS=$(told_of OPTIONS) && VG=$(told_of VG) && LV=$(told_of LV) ||
        { why "$lost/job.sh does not tell what the lost run was about: see that what it worked on is mounted, then remove $lost"; return 1; }
    found=$(bearing "HOSTWRIGHT_JOB=$1") || { why "what the lost run still has at work could not be found out"; return 1; }
    for pid in $found; do kill -KILL "$pid" 2>/dev/null; done
    if [ -n "$MOUNT" ]; then put_back || return 1; fi
    [ -z "$(device_at "$lost/disk")" ] || unmount "$lost/disk" || return 1
    systemctl reset-failed 'hostwright-lvm-*' 2>/dev/null
    echo '1 ended by force' >"$lost/status" || why "$lost/status cannot be written"
}
