# Volumes become larger or smaller, file systems larger.
# needs: prelude asking kinds
# given: VG

# verb: reduce_volume VOLUME EXTENTS
# lvm2 since 2.03.17 wants to look after file systems by itself; here that is already done.
reduce_volume() {
    local at
    at=$(volume "$1")
    closed "$at" || return 1
    if lvreduce --help 2>&1 | grep -q -- '--fs '; then
        try lvreduce -f -y --fs ignore -l "$2" "$VG/$1"
    else
        try lvreduce -f -y -l "$2" "$VG/$1"
    fi
}

# verb: extend_volume VOLUME EXTENTS [STRIPES]
# A striped volume grows by a linear segment where the group has no stripes to add.
extend_volume() { try lvextend -y ${3:+-i "$3"} -l "$2" "$VG/$1"; }

# verb: grow_file_system VOLUME KIND POINT
grow_file_system() { of_kind "$2" grow "$(volume "$1")" "$3"; }
