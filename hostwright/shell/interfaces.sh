# Observes the interfaces of a host, where it keeps their addresses, and by which of them we came, and changes nothing.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
has() { command -v "$1" >/dev/null 2>&1; }

# came_by: SSH_CONNECTION, which sudo takes from the environment: then it is in that of a process above us.
came_by() {
    [ -z "${SSH_CONNECTION-}" ] || { echo "$SSH_CONNECTION"; return; }
    process=$$
    while [ "$process" -gt 1 ] 2>/dev/null; do
        found=$(tr '\0' '\n' <"/proc/$process/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
        [ -z "$found" ] || { echo "$found"; return; }
        process=$(sed 's/^.*) //' "/proc/$process/stat" 2>/dev/null | cut -d ' ' -f 2)
    done
}

# show FILE...: each once, with its lines marked, for empty ones count.
shown='|'
show() {
    for file do
        [ -f "$file" ] || continue
        case $shown in *"|$file|"*) continue ;; esac
        shown="$shown$file|"
        section "file $file"
        if [ -r "$file" ]; then sed 's/^/|/' "$file"; else echo unreadable; fi
    done
}

# sourced FILE: what ifupdown reads, with what that names; some of it more than once.
sourced() {
    printf '%s\n' "$1"
    sed -n 's/^ *source  *//p' "$1" 2>/dev/null | while read -r patterns; do
        for file in $patterns; do
            case $file in /*) ;; *) file=${1%/*}/$file ;; esac
            [ ! -f "$file" ] || sourced "$file"
        done
    done
    sed -n 's/^ *source-directory  *//p' "$1" 2>/dev/null | while read -r directory; do
        case $directory in /*) ;; *) directory=${1%/*}/$directory ;; esac
        for file in "$directory"/*; do
            case ${file##*/} in *[!A-Za-z0-9_-]*) ;; *) printf '%s\n' "$file" ;; esac
        done
    done
}

section who
id -un
section came_by
came=$(came_by)
echo "$came"
# shellcheck disable=SC2086
set -- $came
[ -z "$came" ] || ip -o route get "$1" 2>/dev/null
section links
ip -o link show
section addresses
ip -o address show
section promoted
for setting in /proc/sys/net/ipv4/conf/*/promote_secondaries; do
    [ "$(cat "$setting")" = 0 ] || { setting=${setting%/*}; echo "${setting##*/}"; }
done
section routes
ip -o -4 route show
ip -o -6 route show
section tools
for tool in arping systemd-run netplan ifup nmcli; do ! has $tool || echo $tool; done
[ ! -d /etc/sysconfig/network-scripts ] || echo network-scripts
[ ! -d /run/systemd/system ] || echo systemd
units=''
if [ -d /run/systemd/system ] && systemctl -q is-active systemd-networkd; then
    section networkd
    for link in /sys/class/net/*; do
        link=${link##*/}
        unit=$(networkctl status "$link" 2>/dev/null | sed -n 's/^ *Network File: *//p')
        case $unit in /*) printf '%s\t%s\n' "$link" "$unit" && units="$units $unit" ;; *) printf '%s\t\n' "$link" ;; esac
    done
fi
if has nmcli; then
    # A VPN comes again under the device that it goes over.
    nmcli -t -f DEVICE,UUID,NAME connection show --active 2>/dev/null | awk -F : '!known[$1]++' | while IFS=: read -r device uuid name; do
        [ -n "$device" ] && [ "$device" != lo ] || continue
        section "profile $device"
        printf '%s\n%s\n' "$uuid" "$name"
        nmcli -g ipv4.method,ipv6.method,ipv4.addresses,ipv6.addresses connection show "$uuid" | sed 's/\\:/:/g; s/^/|/'
    done
fi
for unit in $(printf '%s\n' $units | sort -u); do
    show "$unit"
    for directory in /etc /run /usr/local/lib /usr/lib; do show "$directory/systemd/network/${unit##*/}.d"/*.conf; done
done
# Ours may be there without having been read yet.
show /etc/systemd/network/70-hostwright-*.network
named=$(sourced /etc/network/interfaces) || exit 1
printf '%s\n' "$named" | awk '!known[$0]++' | while IFS= read -r file; do show "$file"; done || exit 1
show /etc/netplan/*.yaml /run/netplan/*.yaml /lib/netplan/*.yaml
for file in /etc/sysconfig/network-scripts/ifcfg-*; do case $file in *.bak | *.orig | *.rpm* | *~) ;; *) show "$file" ;; esac; done
section leased
cat /var/lib/dhcp/*.leases /var/lib/dhclient/*.lease* /var/lib/NetworkManager/*.lease* /run/systemd/netif/leases/* /run/NetworkManager/devices/* 2>/dev/null |
    grep -oE '(fixed-address|ADDRESS=|iaaddr) ?[0-9a-fA-F.:]+' | sed 's/^[^0-9a-fA-F]*[-a-zA-Z]*[ =]//' | sort -u
section floating
if [ "$(id -u)" -ne 0 ]; then
    { [ ! -d /etc/keepalived ] && [ ! -d /var/lib/pacemaker ]; } || echo unreadable
else
    cat /etc/keepalived/*.conf /etc/keepalived/*/*.conf /var/lib/pacemaker/cib/cib.xml 2>/dev/null |
        grep -oE '([0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F]*' | sort -u
fi
true
