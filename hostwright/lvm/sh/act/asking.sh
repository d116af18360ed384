# What LVM and the kernel say of volumes. That they fail, or say nothing, is no answer.
# needs: prelude
# given: VG RUN
# sets: answer
export LVM_SUPPRESS_FD_WARNINGS=1

volume() { echo "/dev/$VG/$1"; }

# The path that device mapper gives a volume, which is also what fstab says.
mapped() { echo "/dev/mapper/$(echo "$VG" | sed 's/-/--/g')-$(echo "$1" | sed 's/-/--/g')"; }

# number_of DEVICE: nothing where that is not known.
number_of() {
    local hex
    hex=$(stat -L -c '%t %T' "$1") && [ -n "$hex" ] && printf '%d:%d\n' "0x${hex% *}" "0x${hex#* }"
}

same_device() {
    local one
    [ -b "$1" ] && [ -b "$2" ] && one=$(number_of "$1") && [ "$one" = "$(number_of "$2")" ]
}

# ask COMMAND...: $answer is what LVM tells, a line each. That it fails is no answer.
ask() {
    answer=$(lvm "$@" --noheadings 2>"$RUN/out") ||
        { why "lvm $1: $(grep -v '^ *$' "$RUN/out" | tail -n 1)"; return 1; }
    answer=$(printf '%s\n' "$answer" | sed 's/^ *//; s/ *$//; /^$/d')
}

# has_volume NAME: 1 where it is not, 2 where LVM does not tell.
has_volume() {
    local count
    ask vgs -o lv_count "$VG" && count=$answer && ask lvs -o lv_name "$VG" || return 2
    [ "$(printf '%s\n' "$answer" | grep -c .)" = "$count" ] ||
        { why "LVM counts $count volumes in $VG, but names others"; return 2; }
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
    ask lvs -o vg_uuid,lv_uuid "$VG/$1" && [ -n "$answer" ] &&
        echo "/dev/disk/by-id/dm-uuid-LVM-$(printf %s "$answer" | tr -d ' -')"
}

# closed DEVICE: nobody has it open, in no mount namespace; only then may it be reduced, formatted or removed.
closed() {
    local tries
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
    local active name
    active=$(dmsetup info -c --noheadings -o name 2>"$RUN/out") || { why "dmsetup: $(tail -n 1 "$RUN/out")"; return 1; }
    name=$(mapped "${1##*/}")
    ! printf '%s\n' "$active" | grep -Fqx -e "${name##*/}" || { try vgmknodes "$VG" && [ -b "$1" ]; } ||
        why "$1 is active, but has no device file"
}

# verb: is_unchanged SEQUENCE
is_unchanged() {
    ask vgs -o vg_seqno "$VG" || return 1
    [ "$answer" = "$1" ] || why "$VG changed since the plan was made (metadata $answer, planned on $1): run again"
}

sectors_read() { awk '{ printf "%.0f\n", $3 * 512 }' "/sys/dev/block/$1/stat"; }

sectors_written() { awk '{ printf "%.0f\n", $7 * 512 }' "/sys/dev/block/$1/stat"; }
