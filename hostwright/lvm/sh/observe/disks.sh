# Observes what blocks are made of. SHRINK is the volume, POINT where it is to be mounted; HOLDERS=yes: who keeps it
# busy.
# needs: prelude storage holders initramfs kinds
# header: NONCE VG SHRINK DEVICES POINT HOLDERS

for device in $DEVICES; do
    section "disk $device"
    [ -b "$device" ] || continue
    name=$(basename "$(readlink -f "$device")")
    echo "KNAME=$name"
    echo "SIZE=$(blockdev --getsize64 "$device")"
    [ "$(blockdev --getro "$device")" = 0 ] || echo READONLY=yes
    if group=$(lvm pvs --noheadings -o vg_name "$device" 2>/dev/null); then
        echo "GROUP=$(echo $group)"
    else
        signs_of "$device"
        ls "/sys/class/block/$name/holders" 2>/dev/null | sed 's/^/HOLDER=/'
    fi
done

# What may activate volume groups side by side in the initramfs, and whether that is made safe (initramfs.sh).
section initramfs
if grep -qs lvm_direct_vgchange /lib/udev/rules.d/69-lvm.rules /etc/udev/rules.d/69-lvm.rules &&
    [ -d /usr/share/initramfs-tools ]; then
    lvm version 2>/dev/null | sed -n 's/^ *Library version: *\([0-9.]*\).*/LIBRARY=\1/p'
    ! early_everywhere || echo EARLY=yes
fi

section signs
echo "VOLUME=$VG/$SHRINK"
device=/dev/$VG/$SHRINK
if [ -n "$SHRINK" ] && [ -b "$device" ]; then
    # What it carries is told already; to look on would only cost time.
    kind=$(blkid -p -o value -s TYPE "$device" 2>/dev/null)
    [ -n "$kind" ] || signs_of "$device"
    echo "OPEN=$(dmsetup info -c --noheadings -o open "$device" | tr -d ' ')"
fi

if [ -n "$POINT" ]; then
    section point
    echo "REAL=$(readlink -m "$POINT")"
    if [ -d "$POINT" ]; then ls -A "$POINT" | head -n 3 | sed 's/^/ENTRY=/'
    elif [ -e "$POINT" ] || [ -L "$POINT" ]; then echo ODD=yes
    fi
fi

if [ -n "$HOLDERS" ] && [ -b "$device" ]; then
    section holders
    number=$(printf '%d:%d' "0x$(stat -L -c %t "$device")" "0x$(stat -L -c %T "$device")")
    at=$(awk -v number="$number" '$3 == number { found = $5; exit } END { print found }' /proc/self/mountinfo) || exit 1
    [ -n "$at" ] || at=$(of_kind "$kind" at "$device")
    at=$(printf "$(printf %s "$at" | sed 's/%/%%/g')")
    [ -z "$at" ] || holders "$at" "$(own_login)" || exit 1
fi
true
