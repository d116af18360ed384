# What lies in a directory that another user may write: there a name may be a link to anything at any time.

# read_plain FILE: a file, and nothing where there is none. Fails for whatever else it is; no link is followed.
read_plain() {
    [ -e "$1" ] || [ -L "$1" ] || return 0
    [ -f "$1" ] && dd if="$1" iflag=nofollow,nonblock bs=64k 2>/dev/null
}

# put_plain FILE TEXT: complete and on the disk before it takes the place of what is there.
put_plain() (
    umask 077
    set -C
    rm -f "$1.new" && printf '%s\n' "$2" >"$1.new" && sync && mv -fT "$1.new" "$1" && sync
)
