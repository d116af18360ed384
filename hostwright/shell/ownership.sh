# A name is not ownership: in whose hands a path is. A sticky directory keeps what root made in it.

# only_root DIRECTORY: nobody but root can put anything in the place of it, or of what is in it.
only_root() {
    for path in "$1" "$(readlink -f "$1")"; do
        while :; do
            case $(stat -c '%u %g %a %F' "$path" 2>/dev/null) in
                '0 '*' symbolic link') ;;
                '0 '*[0145][0145]' directory' | '0 0 '*[0145]' directory' | '0 '*' 1'???' directory') ;;
                *) return 1 ;;
            esac
            [ "$path" != / ] || break
            path=${path%/*}
            path=${path:-/}
        done
    done
}
