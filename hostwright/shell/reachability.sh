# Observes the addresses, routes, listening sockets and published ports of a host, in one command, and changes nothing.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
section() { printf '\n@@ %s\n' "$1"; }
section who
id -un
section addresses
ip -o address show
for family in 4 6; do
    section routes$family
    ip -o -$family route show table main
    # What is not there by itself: then the main table is not all there is.
    section rules$family
    ip -$family rule show 2>/dev/null | awk '$1 !~ /^(0|32766|32767):$/'
    section sockets$family
    ss -$family -ltunp | tail -n +2
done
section containers
if command -v docker >/dev/null; then docker ps --no-trunc --format '{{.ID}} {{.Names}}	{{.Ports}}' 2>/dev/null; fi
section processes
# Which container a process that listens is in.
for process in $(ss -ltunp | grep -o 'pid=[0-9]*' | sort -u); do
    process=${process#pid=}
    container=$(grep -Eom 1 '[0-9a-f]{64}' "/proc/$process/cgroup" 2>/dev/null) && echo "$process $container"
done
section firewall
if [ "$(id -u)" -ne 0 ]; then
    echo unreadable
elif command -v nft >/dev/null; then
    nft list ruleset 2>/dev/null | awk '
        $1 == "table" { table = $2 " " $3 }
        $1 == "chain" { chain = $2; rules = 0; base = "" }
        $1 == "type" && /hook (input|forward)/ { match($0, /hook [a-z]+/); hook = substr($0, RSTART + 5, RLENGTH - 5); base = /policy drop/ ? "drop" : "accept"; next }
        $1 == "}" && chain != "" { if (base != "") print "nftables", table, chain, hook, base, rules; chain = "" }
        chain != "" && $1 != "chain" && $1 != "type" { rules++ }'
fi
if [ "$(id -u)" -eq 0 ] && ! { command -v nft >/dev/null && iptables --version 2>/dev/null | grep -q nf_tables; }; then
    for tool in iptables ip6tables; do
        command -v $tool >/dev/null || continue
        $tool -S 2>/dev/null | awk -v tool=$tool '
            $1 == "-P" && ($2 == "INPUT" || $2 == "FORWARD") { policy[$2] = tolower($3) }
            $1 == "-A" { rules[$2]++ }
            END { for (chain in policy) print tool, "-", "filter", chain, tolower(chain), policy[chain], rules[chain] + 0 }'
    done
fi
true
