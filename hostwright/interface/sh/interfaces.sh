# Observes the interfaces of a host, where it keeps their addresses, and by which of them we came, and changes nothing.
# needs: prelude
# header: NONCE
has() { command -v "$1" >/dev/null 2>&1; }

# came_by: SSH_CONNECTION, which sudo takes from the environment: then it is in that of a process above us.
came_by() {
    local process found
    [ -z "${SSH_CONNECTION-}" ] || { echo "$SSH_CONNECTION"; return; }
    process=$$
    while [ "$process" -gt 1 ] 2>/dev/null; do
        found=$(tr '\0' '\n' <"/proc/$process/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
        [ -z "$found" ] || { echo "$found"; return; }
        process=$(sed 's/^.*) //' "/proc/$process/stat" 2>/dev/null | cut -d ' ' -f 2)
    done
}

# show FILE...: each once, with its lines marked, for they may look like ours.
shown='
'
show() {
    local file
    for file do
        case $shown in *"
$file
"*) continue ;; esac
        [ -f "$file" ] || continue
        shown="$shown$file
"
        section "file $file"
        if [ -r "$file" ]; then sed 's/^/|/' "$file" || exit 1; else echo unreadable; fi
    done
}

# words_after KEYWORD FILE
words_after() { sed -n "s/^[[:space:]]*$1[[:space:]][[:space:]]*//p" "$2"; }

# sourced FILE: what ifupdown reads, with what that names; a file that names itself is read once.
sourced() {
    local words pattern file
    case $shown in *"
$1
"*) return ;; esac
    show "$1"
    [ -f "$1" ] && [ -r "$1" ] || return 0
    # Not by a pipe: what is shown there would not be known here.
    words=$(words_after source "$1") || exit 1
    set -f
    for pattern in $words; do
        set +f
        case $pattern in /*) ;; *) [ ! -d /usr/share/ifupdown2 ] || continue; pattern=${1%/*}/$pattern ;; esac
        for file in $pattern; do
            [ ! -f "$file" ] || sourced "$file"
        done
    done
    words=$(words_after source-directory "$1") || exit 1
    set -f
    for pattern in $words; do
        set +f
        case $pattern in /*) ;; *) pattern=${1%/*}/$pattern ;; esac
        for file in $pattern/*; do
            case ${file##*/} in *[!A-Za-z0-9_-]*) ;; *) show "$file" ;; esac
        done
    done
    set +f
}

# all_of FILE...: what is in those that are there; fails where one cannot be read.
all_of() {
    local file
    for file do [ ! -f "$file" ] || cat "$file" || [ ! -e "$file" ] || return 1; done
}

# found_in TEXT EXPRESSION: whatever it matches, each once.
found_in() {
    local found
    found=$(printf '%s\n' "$1" | grep -oE "$2") || [ $? -eq 1 ] || exit 1
    [ -z "$found" ] || printf '%s\n' "$found" | sed 's/^[^0-9a-fA-F]*[-a-zA-Z]*[ =]//' | sort -u || exit 1
}

section who
id -un
section came_by
came=$(came_by)
echo "$came"
# shellcheck disable=SC2086 # words
set -- $came
[ -z "$came" ] || ip -o route get "$1" 2>/dev/null
section links
ip -o -d link show || exit 1
section addresses
ip -o address show || exit 1
section promoted
for setting in /proc/sys/net/ipv4/conf/*/promote_secondaries; do
    # It may have gone with its interface.
    read -r value <"$setting" || continue
    [ "$value" = 0 ] || { setting=${setting%/*}; echo "${setting##*/}"; }
done 2>/dev/null
section routes4
ip -o -4 route show || exit 1
section routes6
[ ! -e /proc/net/if_inet6 ] || ip -o -6 route show || exit 1
section tools
for tool in arping systemd-run netplan ifup nmcli; do ! has $tool || echo $tool; done
[ ! -d /etc/sysconfig/network-scripts ] || echo network-scripts
[ ! -d /run/systemd/system ] || echo systemd
units=''
networkd=''
if [ -d /run/systemd/system ]; then
    # 3: it does not run; 4: it is not there.
    systemctl -q is-active systemd-networkd && networkd=yes || case $? in 3 | 4) ;; *) exit 1 ;; esac
fi
if [ -n "$networkd" ]; then
    section networkd
    for link in /sys/class/net/*; do
        link=${link##*/}
        said=$(networkctl status "$link" 2>&1)
        case $said in
            *'Network File:'*) ;;
            *) [ -e "/sys/class/net/$link" ] || continue; echo "networkctl status $link: $said" >&2; exit 1 ;;
        esac
        unit=$(printf '%s\n' "$said" | sed -n 's/^ *Network File: *//p') || exit 1
        case $unit in
            /*) printf '%s\t%s\n' "$link" "$unit" && units="$units $unit" ;;
            *) printf '%s\t\n' "$link" ;;
        esac
    done
fi
# Where that is not, NetworkManager has not run since the host was started.
properties=ipv4.method,ipv6.method,ipv4.addresses,ipv6.addresses,ipv4.gateway,ipv4.dns,ipv4.dns-search
properties=$properties,ipv6.gateway,ipv6.dns,ipv6.dns-search
if has nmcli && [ -d /run/NetworkManager ]; then
    # 8: NetworkManager does not run.
    active=$(nmcli -t -f DEVICE,UUID,NAME connection show --active) || { [ $? -eq 8 ] && active=''; } || exit 1
    section 'in memory'
    # An nmcli that does not know of files does not tell of any that there is one.
    files=$(nmcli -t -f UUID,FILENAME connection show --active 2>/dev/null) ||
        files=$(printf '%s\n' "$active" | cut -d : -f 2 | sed 's|$|:/run/|')
    printf '%s\n' "$files" | sed -n 's|^\([^:]*\):/run/.*|\1|p'
    # A VPN comes again under the device that it goes over.
    printf '%s\n' "$active" | awk -F : '!known[$1]++' | while IFS=: read -r device uuid name; do
        [ -n "$device" ] && [ "$device" != lo ] || continue
        section "profile $device"
        printf '%s\n%s\n' "$uuid" "$name"
        values=$(nmcli -g "$properties" connection show "$uuid") || exit 1
        printf '%s\n' "$values" | sed 's/\\:/:/g; s/^/|/'
    done || exit 1
fi
for unit in $(printf '%s\n' $units | sort -u); do
    show "$unit"
    for directory in /etc /run /usr/local/lib /usr/lib; do show "$directory/systemd/network/${unit##*/}.d"/*.conf; done
done
# Ours may be there without having been read yet; and those that keep networkd from an interface it does not name.
set -- /etc/systemd/network /run/systemd/network /usr/local/lib/systemd/network /usr/lib/systemd/network
show /etc/systemd/network/[07]0-hostwright-*.network
for directory do
    for unit in $(grep -ils '^[[:space:]]*Unmanaged' "$directory"/*.network); do show "$unit"; done
done
section netdevs
for directory do grep -hs '^[[:space:]]*Name[[:space:]]*=' "$directory"/*.netdev; done |
    sed 's/^[^=]*=[[:space:]]*//' | sort -u
sourced /etc/network/interfaces
show /etc/netplan/*.yaml /run/netplan/*.yaml /lib/netplan/*.yaml
for file in /etc/sysconfig/network-scripts/ifcfg-*; do
    case $file in *.bak | *.orig | *.rpm* | *~) ;; *) show "$file" ;; esac
done
section leased
hidden=''
leases=$(all_of /var/lib/dhcp/*.leases /var/lib/dhclient/*.lease* /var/lib/NetworkManager/*.lease* \
    /run/systemd/netif/leases/* /run/NetworkManager/devices/*) ||
    { [ "$(id -u)" -ne 0 ] && hidden=yes; } || exit 1
found_in "$leases" '(fixed-address|ADDRESS=|iaaddr) ?[0-9a-fA-F.:]+'
section floating
if [ "$(id -u)" -ne 0 ]; then
    { [ -z "$hidden" ] && [ ! -d /etc/keepalived ] && [ ! -d /var/lib/pacemaker ]; } || echo unreadable
else
    floating=$(all_of /etc/keepalived/*.conf /etc/keepalived/*/*.conf /var/lib/pacemaker/cib/cib.xml) || exit 1
    found_in "$floating" '([0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F]*'
fi
true
