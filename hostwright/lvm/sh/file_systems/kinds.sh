# What differs by the kind of a file system is in a file named after it: `xfs_make` in xfs.sh. One more is named here,
# in both lines, and in the table of Python's file_systems.
# needs: prelude xfs ext btrfs swap
# sets: kinds
kinds='xfs ext btrfs swap'

# A number at the end is a version: ext2, ext3 and ext4 are one kind.
is_known() { case " $kinds " in *" ${1%[0-9]} "*) ;; *) return 1 ;; esac; }

is_function() { [ "$(command -v "$1")" = "$1" ]; }

# offers KIND NAME: it has a function of its own for that.
offers() { is_known "$1" && is_function "${1%[0-9]}_$2"; }

# of_kind KIND NAME WORD...: its own function, or the one for any kind.
of_kind() {
    local call
    if offers "$1" "$2"; then call=${1%[0-9]}_$2
    elif is_known "$1" && is_function "any_$2"; then call=any_$2
    else why "no way is known to $2 a file system of kind '$1'"; return 1; fi
    shift 2
    "$call" "$@"
}

# -- what most kinds do alike

# any_versions: what facts know of its tools besides that they are there, as NAME=VALUE.
any_versions() { :; }

# any_at DEVICE: where it is mounted, if mounts show another device number than its own.
any_at() { :; }

# any_takes_direct: images that lie on it may be read and written past the page cache. What keeps checksums of data
# would take amiss what changes while it is on its way to the disk.
any_takes_direct() { return 1; }

# any_hides_holes: how much of a file is allocated does not tell whether it is sparse.
any_hides_holes() { return 1; }

# any_uncounted DEVICE: how many inodes it says to use does not tell how many entries it has.
any_uncounted() { return 1; }

# any_quota_inodes DEVICE: how many it has for quotas, and counts among those in use.
any_quota_inodes() { echo 0; }

# any_twin_options: what it must be told to be mounted beside another with the same UUID.
any_twin_options() { :; }

# any_identifies_safely: no cut costs it while it is given its UUID.
any_identifies_safely() { return 1; }
