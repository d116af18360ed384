# Looks through a file system that is to be moved, and at who uses it. DEVICE is its kernel name.
# Whatever cannot be looked at, or only in part, has no line: who reads this knows what is missing.
# needs: prelude holders
# header: NONCE MOUNT DEVICE
cd / || exit 1

section files
# Through a mount of our own that records no access times, in a namespace of its own: to look must leave no trace.
# What find complains of goes another way (3), and is not worth a word where something only went meanwhile. An inode
# above all others, and the directory itself once more, tell that nothing of a list was lost.
unshare -m sh -c '
    mount --make-rprivate / && mount --bind "$1" "$1" && mount -o remount,bind,ro,noatime,nodev "$1" || exit 1
    # What lsattr opens may have become a link.
    mount -o remount,bind,ro,noatime,nodev,nosymfollow "$1" 2>/dev/null
    cd "$1" || exit 1
    # changed_since knows why. A pattern, so that the path itself, which may hold anything, is not printed.
    long=$(printf %4001s | tr " " "?")
    {
        # Every inode once, blocks shared by reflinks counted each time: separate copies are what a copy makes of them.
        {
            find . -xdev -printf "%i %b %s %y %n\n" -path "$long*" -printf "0 long\n" 2>&3
            [ $? -gt 1 ] || echo 99999999999999999999 end
        } | sort -u -k1,1n |
            awk "\$2 == \"end\" { ended = 1; next }
                \$2 == \"long\" { long = 1; next }
                { inodes++; entries += \$4 == \"d\" ? 1 : \$5; blocks += \$2; if (\$3 > most) most = \$3 }
                END {
                    if (ended) printf \"inodes=%d\nentries=%.0f\nallocated=%.0f\nlargest=%.0f\nlong=%d\n\",
                        inodes, entries, blocks * 512, most, long
                }" >&4
        command -v lsattr >/dev/null || echo lsattr=missing >&4
        {
            {
                find . -xdev \( -type f -o -type d \) -print0 2>&3
                [ $? -gt 1 ] || printf ".\0"
            } | xargs -0r sh -c "lsattr -d -- \"\$@\" 2>/dev/null; [ \$? -le 1 ] || exit 255" sh && echo end
        } |
            awk "\$2 == \".\" { tops++ }
                \$1 ~ /E/ { e++ }
                \$1 ~ /V/ { v++ }
                { last = \$0; paths += length(\$0) - length(\$1) - 1 }
                END {
                    if (tops == 2 && last == \"end\")
                        printf \"encrypted=%d\nverity=%d\npaths=%.0f\n\", e, v, paths
                }" >&4
    } 3>&1 |
        awk "/: (No such file or directory|Not a directory|Too many levels of symbolic links)\$/ { next }
            { if (++n <= 3) print \"unreadable=\" \$0 }
        END { print \"complaints=\" n + 0 }" >&4
' survey "$MOUNT" 4>&1 || exit 1

section holders
steady_holders "$MOUNT" "$(own_login)" || exit 1

section kernel
trouble="(XFS|EXT[234]-fs|BTRFS)[^(]*\($DEVICE\)?[^:]*.*(error|corrupt|shut ?down)"
trouble="$trouble|I/O error.*${DEVICE}[ ,]|$DEVICE: .*(error|corrupt)"
found=$({ dmesg 2>/dev/null && echo '@ end'; } | grep -iE "^@ end$|$trouble" | tail -n 4) || exit 1
case $found in *'@ end') printf '%s\n' "${found%'@ end'}" ;; *) exit 1 ;; esac

section end
