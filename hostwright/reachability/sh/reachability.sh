# Observes the addresses, routes, listening sockets and published ports of a host, in one command, and changes nothing.
# needs: prelude engine
# header: NONCE
lacking=

# told WHAT COMMAND...: what it prints; what it says when it fails is told at the end.
told() {
    local what complaint
    what=$1
    shift
    { complaint=$("$@" 2>&1 >&3 3>&-) || {
        complaint=$(printf '%s\n' "${complaint:-it failed without a word}" | tail -n 1)
        lacking="$lacking$what: $complaint
"; }; } 3>&1
}

# What is not there by itself: then the main table is not all there is.
other_rules() {
    local rules
    rules=$(ip "-$1" rule show) || return
    printf '%s\n' "$rules" | awk '$1 !~ /^(0|32766|32767):$/'
}

chains_of_nft() {
    local rules
    rules=$(nft list ruleset) || return
    printf '%s\n' "$rules" | awk '
        $1 == "table" { table = $2 " " $3 }
        $1 == "chain" { chain = $2; rules = 0; base = "" }
        $1 == "type" && /hook (input|forward)/ {
            match($0, /hook [a-z]+/)
            hook = substr($0, RSTART + 5, RLENGTH - 5)
            base = /policy drop/ ? "drop" : "accept"
            next
        }
        $1 == "}" && chain != "" { if (base != "") print "nftables", table, chain, hook, base, rules; chain = "" }
        chain != "" && $1 != "chain" && $1 != "type" { rules++ }'
}

chains_of_iptables() {
    local rules
    rules=$("$1" -S) || return
    printf '%s\n' "$rules" | awk -v tool="$1" '
        $1 == "-P" && ($2 == "INPUT" || $2 == "FORWARD") { policy[$2] = tolower($3) }
        $1 == "-A" { rules[$2]++ }
        END { for (chain in policy) print tool, "-", "filter", chain, tolower(chain), policy[chain], rules[chain] + 0 }'
}

# published: what containers publish; those of a network without NAT are reached at their own addresses
# (`0.0.0.0:0->80/tcp`).
published() {
    local containers routed
    ! elsewhere docker || {
        echo "docker asks $endpoint, which is another machine: docker context use default, or unset DOCKER_HOST" >&2
        return 1
    }
    containers=$(docker ps --no-trunc --format '{{.ID}} {{.Names}}	{{.Ports}}') || return
    printf '%s\n' "$containers"
    routed=$(printf '%s\n' "$containers" | sed -n 's/^\([0-9a-f]*\) .*:0->.*/\1/p')
    [ -n "$routed" ] || return 0
    section routed
    docker inspect --type container \
        --format '{{.ID}}{{range .NetworkSettings.Networks}} {{.IPAddress}} {{.GlobalIPv6Address}}{{end}}' $routed
}

firewall() {
    local tool
    if command -v nft >/dev/null; then told firewall chains_of_nft
    elif grep -qs '^nf_tables ' /proc/modules; then
        lacking="${lacking}firewall: nft is not there to read it: install nftables
"
    fi
    for tool in iptables ip6tables; do
        command -v $tool >/dev/null || continue
        case $($tool --version 2>/dev/null) in
            *nf_tables*) command -v nft >/dev/null || told firewall chains_of_iptables $tool ;;
            # To ask it where it has no tables would load its modules.
            *) ! grep -qs . "/proc/net/${tool%tables}_tables_names" || told firewall chains_of_iptables $tool ;;
        esac
    done
}

section who
id -un
section addresses
ip -o address show || exit 1
families=4
[ ! -e /proc/net/if_inet6 ] || families='4 6'
for family in $families; do
    section routes$family
    told routes ip -o -$family route show table main
    section rules$family
    told rules other_rules $family
    section sockets$family
    told sockets ss -$family -ltune
done
# The kernel tells who has one open: what a process is called is its own word.
section owners
owners=$({
    ss -ltune | grep -o ' ino:[0-9]*'
    find /proc/[0-9]*/fd -lname 'socket:*' -printf '%l %h\n'
} 2>/dev/null | awk '/^ ino:/ { wanted["socket:[" substr($1, 5) "]"]; next } $1 in wanted && !known[$0]++')
printf '%s\n' "$owners"
section processes
printf '%s\n' "$owners" | sed -n 's|.* \(.*\)/fd$|\1/comm \1/cgroup|p' | tr ' ' '\n' | sort -u |
    xargs -r grep -aH '' 2>/dev/null
section containers
if command -v docker >/dev/null; then told containers published; fi
section firewall
if [ "$(id -u)" -eq 0 ]; then firewall; else echo unreadable; fi
section lacking
printf '%s' "$lacking"
true
