#!/bin/sh
# The four experiments by hand: with ip(8), nft(8), ping(8)
# and conntrack(8), as root. It revokes and restores the rule when enough packets should
# have passed, so the counts are approximate. For comparison only.
# Usage: by-hand.sh [interval in seconds]
set -eu
interval=${1:-0.1}
a=byhand-a$$ b=byhand-b$$
out=$(mktemp -d)
trap 'ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null; rm -r "$out"' EXIT

wait_for() { sleep "$(awk "BEGIN { print $1 * $interval }")"; }
both() { ip netns exec $a "$@"; ip netns exec $b "$@"; }
look() { both conntrack -L 2>/dev/null; both nft list ruleset; }

ip netns add $a
ip netns add $b
ip link add eth0 netns $a type veth peer name eth0 netns $b
ip -n $a address add 10.255.1.197/16 dev eth0
ip -n $b address add 10.255.1.10/16 dev eth0
for n in $a $b; do
	ip -n "$n" link set lo up
	ip -n "$n" link set eth0 up
	ip netns exec "$n" sysctl -qw net.netfilter.nf_conntrack_acct=1
	ip netns exec "$n" nft -f - <<-RULES
		table inet security_group {
			chain ingress {
				type filter hook input priority filter; policy drop;
				ct state established counter accept comment "established"
				meta nfproto ipv4 tcp dport 22 counter accept comment "ssh"
				ip saddr 10.255.0.0/16 meta l4proto icmp counter accept comment "icmp"
			}
			chain egress {
				type filter hook output priority filter; policy drop;
				ct state established counter accept comment "established"
				meta nfproto ipv4 counter accept comment "out"
			}
		}
	RULES
done

ip netns exec $b ping -i "$interval" 10.255.1.197 > "$out/1" &
one=$!
wait_for 10; look > "$out/look1"
for n in $a $b; do
	handle=$(ip netns exec "$n" nft -a list chain inet security_group ingress | sed -n 's/.*comment "icmp" # handle //p')
	ip netns exec "$n" nft delete rule inet security_group ingress handle "$handle"
done
wait_for 9; look > "$out/look2"
ip netns exec $b ping -i "$interval" 10.255.1.197 > "$out/2" &
two=$!
wait_for 19; look > "$out/look3"
both nft add rule inet security_group ingress ip saddr 10.255.0.0/16 meta l4proto icmp counter accept comment '"icmp"'
wait_for 27; look > "$out/look4"
kill -INT $one $two
wait $one || true
wait $two || true
tail -n 2 "$out/1" "$out/2"
