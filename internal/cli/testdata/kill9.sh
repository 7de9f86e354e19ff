#!/bin/sh
# Kills lablab at 40 different moments, where at most 8 network namespaces may
# exist. One that stayed would make the runs at the end fail. Usage: kill9.sh [flags of lablab run]
set -u
echo 8 > /proc/sys/user/max_net_namespaces
for moment in 00 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19; do
	for again in 1 2; do
		timeout -s KILL 0.${moment}${again} lablab run -q --interval 1ms "$@" >/dev/null 2>&1
	done
done
# Destruction takes the kernel some milliseconds.
for _ in 1 2 3 4 5 6 7 8 9 10; do
	lablab run -q --interval 1ms "$@" >/dev/null 2>&1 && exit 0
	sleep 0.2
done
exec lablab run -q --interval 1ms "$@"
