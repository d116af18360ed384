# Looks through a file system that is to be moved, and at who uses it. Set before this: MOUNT DEVICE (its kernel name).
# holders.sh stands before it.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd / || exit 1
section() { printf '\n@@ %s\n' "$1"; }

section files
# Through a mount of our own that records no access times, in a namespace of its own: to look must leave no trace.
unshare -m sh -c '
    mount --make-rprivate / && mount --bind "$1" "$1" && mount -o remount,bind,ro,noatime "$1" && cd "$1" || exit 1
    # Every inode once, blocks shared by reflinks counted each time: separate copies are what a copy makes of them.
    find . -xdev -printf "%i %b %s %y\n" 2>/dev/null | sort -u -k1,1n |
        awk "{ inodes++; blocks += \$2; if (\$3 > most) most = \$3 }
            END { printf \"inodes=%d\nallocated=%.0f\nlargest=%.0f\n\", inodes, blocks * 512, most }"
    find . -xdev \( -type f -o -type d \) -print0 | xargs -0r lsattr -d -- 2>/dev/null |
        awk "\$1 ~ /E/ { e++ } \$1 ~ /V/ { v++ } END { print \"encrypted=\" e + 0; print \"verity=\" v + 0 }"
' survey "$MOUNT" || exit 1

section holders
steady_holders "$MOUNT" "$(own_login)"

section kernel
dmesg 2>/dev/null | grep -iE "(XFS|EXT[234]-fs|BTRFS)[^(]*\($DEVICE\)?[^:]*.*(error|corrupt|shut ?down)|I/O error.*$DEVICE[ ,]|$DEVICE: .*(error|corrupt)" | tail -n 3
