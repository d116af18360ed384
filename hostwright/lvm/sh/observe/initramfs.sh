# Before libdevmapper 1.02.191 the second of two that make /dev/mapper/control gives up. In an initramfs of
# initramfs-tools, udev activates each volume group as its disks appear; where two come at once, one is missing at boot,
# be it root's.
# needs: prelude
# given: RUN

early=/etc/initramfs-tools/scripts/init-top/hostwright-dm

# early_everywhere: no initramfs is left that loads the module, which brings the node, only when it is asked for.
early_everywhere() {
    local kernel at
    [ -x "$early" ] || return 1
    for kernel in /lib/modules/*; do
        at=/boot/initrd.img-${kernel##*/}
        # shellcheck disable=SC3013 # dash has it
        [ ! -e "$at" ] || [ "$at" -nt "$early" ] || return 1
    done
}

# verb: load_device_mapper_early
# Scripts there run in the order of their names, and udev is one of them.
load_device_mapper_early() {
    local said
    {
        mkdir -p "${early%/*}" &&
            printf '%s\n' '#!/bin/sh' '[ "$1" = prereqs ] || modprobe -q dm_mod || :' >"$early" && chmod 755 "$early"
    } 2>"$RUN/out" ||
        { why "$early: $(tail -n 1 "$RUN/out")"; return 1; }
    try update-initramfs -u -k all || { said=$reason; rm -f "$early"; reason=$said; return 1; }
    early_everywhere ||
        why "update-initramfs left an initramfs as it was:" \
            "see update_initramfs in /etc/initramfs-tools/update-initramfs.conf"
}
