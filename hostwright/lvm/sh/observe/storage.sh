# Observes a host's storage in one command and changes nothing.
# needs: prelude processes ownership kinds
# header: NONCE VG SHRINK STAGING SCRATCH STAGED_IMAGE STAGED_LISTS MARK JOBS TOOLS
export LVM_SUPPRESS_FD_WARNINGS=1
cd / || exit 1

section host
echo "uid=$(id -u)"
echo "kernel=$(uname -r)"
sed -n 's/^ID=/os=/p; s/^VERSION_ID=/os_version=/p' /etc/os-release 2>/dev/null | tr -d '"'
[ ! -d /run/systemd/system ] || systemctl --version | sed -n '1s/^[a-z]* \([0-9]*\).*/systemd=\1/p'
stat -f -c 'run_free=%a %S' /run
awk '/^(MemAvailable|SwapTotal|SwapFree):/ { print tolower(substr($1, 1, length($1) - 1)) "=" $2 * 1024 }' /proc/meminfo
for tool in $TOOLS; do
    command -v "$tool" >/dev/null && echo "tool=$tool"
done
fstab=$(readlink -f /etc/fstab)
[ ! -e "$fstab.hostwright" ] && [ ! -e "$fstab.hostwright-old" ] || echo fstab_left=yes
for kind in $kinds; do of_kind "$kind" versions; done
lsattr -pd / >/dev/null 2>&1 && echo lsattr_projects=yes
for manager in apt-get dnf yum zypper; do command -v $manager >/dev/null && echo "manager=$manager" && break; done

section job
run=$JOBS
if [ -L $run/current ]; then
    echo "id=$(readlink $run/current)"
    if [ -e $run/current/status ]; then sed 's/^/status=/' $run/current/status
    elif lives "$(cat $run/current/process)"; then echo running=yes; fi
fi

section mountinfo
cat /proc/self/mountinfo
section fstab
cat /etc/fstab
# Where each device and its directory lead to; those of the network are left alone, they might not answer.
section 'fstab leads'
awk 'NF > 1 && $1 ~ "^(/dev/|[A-Z]+=)" { print $1; print $2 }' /etc/fstab | xargs -r -d '\n' readlink -m --
section swaps
cat /proc/swaps
section lsblk
lsblk -a -b -P -o NAME,KNAME,PKNAME,TYPE,RM,RO,SIZE,FSTYPE,MOUNTPOINT,UUID,LABEL 2>/dev/null

section lvm
of_groups=vg_name,vg_uuid,vg_attr,vg_size,vg_extent_size,vg_extent_count,vg_free_count,vg_seqno
of_groups=$of_groups,vg_missing_pv_count,vg_tags,vg_systemid
of_volumes=lv_name,lv_uuid,lv_attr,lv_size,lv_layout,lv_role,lv_tags,lv_read_ahead,lv_allocation_policy,lv_profile
of_volumes=$of_volumes,lv_dm_path,lv_kernel_major,lv_kernel_minor,origin,pool_lv,lv_device_open
# What it complains of comes in the middle of its report, if it likes.
complaints='' status=0
{ [ "$(id -u)" != 0 ] || complaints=$(lvm fullreport --reportformat json --units b --nosuffix \
    --configreport vg -o "$of_groups" \
    --configreport pv -o pv_name,pv_uuid,pv_attr,pv_size,pv_pe_count,pv_pe_alloc_count,pv_tags,dev_size,vg_name \
    --configreport lv -o "$of_volumes" \
    --configreport pvseg -o pv_name --configreport seg -o lv_uuid,segtype,devices 2>&1 >&3 3>&-) || status=$?; } 3>&1
section 'lvm complaints'
printf '%s\n' "$complaints"
section 'lvm status'
echo "$status"

# volume NAME DEVICE: what is on it, and what the file system says of itself.
volume() {
    local device number kind
    device=$2
    [ -b "$device" ] || return 0
    section "volume $1"
    blkid -p -o export "$device" 2>/dev/null | grep -E '^(TYPE|UUID|LABEL|VERSION|SEC_TYPE|USAGE)='
    number=$(printf '%d:%d' "0x$(stat -L -c %t "$device")" "0x$(stat -L -c %T "$device")")
    at=$(awk -v number="$number" '$3 == number { print $5; exit }' /proc/self/mountinfo)
    kind=$(blkid -p -o value -s TYPE "$device" 2>/dev/null)
    [ -n "$at" ] || at=$(of_kind "$kind" at "$device")
    at=$(printf "$(printf %s "$at" | sed 's/%/%%/g')")
    if [ -n "$at" ]; then
        echo "MOUNTED=$at"
        stat -f -c 'BLOCK=%S
BLOCKS=%b
FREE=%f
INODES=%c
INODES_FREE=%d' "$at"
    fi
    if offers "$kind" ask; then
        section "detail $1"
        of_kind "$kind" ask "$device" "$at" "$number"
    fi
}

at=''
volume "$SHRINK" "/dev/$VG/$SHRINK"
# Who mounts it at boot: a unit of its own comes before what systemd makes of fstab, and so does What= in a drop-in.
section unit
[ -z "$at" ] || [ ! -d /run/systemd/system ] || {
    unit=$(systemctl show -p FragmentPath -p DropInPaths "$at") && printf '%s\n' "$unit" || echo UNKNOWN=yes
    # shellcheck disable=SC2046,SC2086 # words
    set -- $(printf '%s\n' "$unit" | sed -n 's/^[A-Za-z]*=//p')
    [ $# -eq 0 ] || grep -Es '^[[:space:]]*(What|Options)[[:space:]]*=' "$@" /dev/null | sed 's/^/SET=/'
}
# Which volumes may be active, where lvm.conf says so.
section activation
if grep -Eqs '^[[:space:]]*(activation/)?(auto_activation_)?volume_list' /etc/lvm/*.conf; then
    echo LISTED=yes
    lvm lvmconfig --type full activation/volume_list activation/auto_activation_volume_list 2>/dev/null
fi
# All of the group: what is free in it may be the end of any volume that somebody cut.
if [ -n "$SHRINK" ]; then
    for device in "/dev/$VG"/*; do [ "$device" = "/dev/$VG/$SHRINK" ] || volume "${device##*/}" "$device"; done
fi
# What a lost run has left as the source: the line below its mark in fstab.
served=$(MARK=$MARK awk 'marked { print $2; exit } index($0, ENVIRON["MARK"] " ") == 1 { marked = 1 }' /etc/fstab)
[ -z "$served" ] ||
    volume 'as served' "$(AT=$served awk '$2 == ENVIRON["AT"] { found = $1 } END { print found }' /proc/mounts)"

if [ -n "$STAGING" ]; then
    section staging
    if [ -d "$STAGING" ]; then
        stat -f -c 'BLOCK=%S
BLOCKS=%b
FREE=%f' "$STAGING"
        [ ! -e "$STAGED_IMAGE" ] || echo "IMAGE=$(stat -c %b "$STAGED_IMAGE")"
        [ ! -e "$STAGED_LISTS" ] || echo LISTS=yes
        only_root "$STAGING" && { [ ! -e "${STAGED_IMAGE%/*}" ] || only_root "${STAGED_IMAGE%/*}"; } && echo OWNED=yes
        at=$(stat -c %m "$STAGING")
        echo "MOUNT=$at"
        awk -v at="$at" '$5 == at { found = $3 } END { print "DEVICE=" found }' /proc/self/mountinfo
    else
        echo MISSING=yes
    fi
fi

# signs_of DEVICE: everything that speaks against its being blank.
signs_of() {
    local found
    found=$(blkid -p -o export "$1" 2>/dev/null)
    case $? in
        0 | 2) printf '%s\n' "$found" | grep -E '^(TYPE|PTTYPE)=' ;;
        *) echo 'SIGNATURE=something that blkid does not tell' ;;
    esac
    if found=$(wipefs -n "$1" 2>/dev/null); then printf '%s\n' "$found" | sed -n '2,4s/^/SIGNATURE=/p'
    else echo 'SIGNATURE=something that wipefs does not tell'; fi
    # A device of a MiB or more, whose beginning can be read, and is zeros.
    head -c 1048576 "$1" 2>/dev/null | cmp -s -n 1048576 - /dev/zero &&
        [ "$(head -c 1048576 "$1" | wc -c)" = 1048576 ] || echo NONZERO=yes
}

if [ -n "$SCRATCH" ]; then
    section scratch
    if [ -b "$SCRATCH" ]; then
        echo "KNAME=$(basename "$(readlink -f "$SCRATCH")")"
        echo "SIZE=$(blockdev --getsize64 "$SCRATCH")"
        # A disk that was lent to us is known by this alone.
        blkid -p -o export "$SCRATCH" 2>/dev/null | grep '^UUID='
        signs_of "$SCRATCH"
        ls "/sys/class/block/$(basename "$(readlink -f "$SCRATCH")")/holders" 2>/dev/null | sed 's/^/HOLDER=/'
    else
        echo MISSING=yes
    fi
fi
