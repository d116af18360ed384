# A name is not ownership: in whose hands a path is. A sticky directory keeps what root made in it.
# sets: reason

# only_root DIRECTORY: nobody but root can put anything in the place of it, or of what is in it, or of a link on its
# way. What a group or an ACL may write counts as written by others, whoever is in it.
only_root() (
    path=$1
    while [ -e "$path" ]; do
        case $(stat -c '%u %a %F' "$path" 2>/dev/null) in
            '0 '*' symbolic link')
                to=$(readlink "$path") || return 1
                case $to in /*) ;; *) to=${path%/*}/$to ;; esac
                only_root "$to" || return 1
                ;;
            '0 '*[0145][0145]' directory' | '0 1'???' directory') ;;
            *) return 1 ;;
        esac
        [ "$path" != / ] || return 0
        path=${path%/*}
        path=${path:-/}
    done
    return 1
)

# private DIRECTORY...: each is there, ours and no link, and nobody else gets into it. The outer ones come first.
private() {
    local directory
    reason=''
    for directory do
        [ -d "$directory" ] || reason=$(mkdir -m 0700 "$directory" 2>&1) || [ -d "$directory" ] || break
        # shellcheck disable=SC3067 # dash and bash have it
        if [ -L "$directory" ] || [ ! -O "$directory" ]; then
            reason="$directory is a link, or somebody else's$(needs_root >/dev/null || echo ': remove it')"
            break
        fi
        reason=''
    done
    [ -n "$reason" ] || chmod 0700 "$@" || reason="$* cannot be made root's alone"
    [ -n "$reason" ] || return 0
    reason=$reason$(needs_root)
    return 1
}

# needs_root: a remark for who is not root; fails for root.
needs_root() { [ "$(id -u)" != 0 ] && echo '; that needs root, let pyinfra use sudo (_sudo, --sudo)'; }

# way DIRECTORY: it and all above it, a line each, and of each link on the way all that is above what it leads to. What
# is not there yet is left out.
way() (
    path=$1
    while :; do
        if [ -L "$path" ] && [ -e "$path" ]; then
            to=$(readlink -- "$path") || exit 1
            case $to in /*) ;; *) to=${path%/*}/$to ;; esac
            way "$to" || exit 1
        elif [ -e "$path" ]; then
            printf '%s\n' "$path"
        fi
        [ "$path" != / ] || exit 0
        path=${path%/*}
        path=${path:-/}
    done
)

# other_hands PATHS (a line each): those that somebody else than root and who asks could put something in the place of,
# or into: UID, USER, MODE, KIND and PATH of each. A link is one of them: what it leads to is not looked at.
other_hands() {
    local us hands uid user mode rest
    [ -n "$1" ] || return 0
    us=$(id -u) && hands=$(printf '%s\n' "$1" | xargs -d '\n' stat -c '%u	%U	%a	%F	%n' --) || return 1
    printf '%s\n' "$hands" | while IFS='	' read -r uid user mode rest; do
        case $uid:00$mode in
            "0:"*[0145][0145] | "$us:"*[0145][0145]) ;;
            *) printf '%s\t%s\t%s\t%s\n' "$uid" "$user" "$mode" "$rest" ;;
        esac
    done
}
