#!/bin/sh
# Kills lablab with SIGKILL at twenty different moments, the one process that was
# started and no other, where only as many network namespaces may exist as one lab
# needs. What stayed of any of them would make the next run fail.
# Usage: kill.sh NAMESPACES [flags of lablab run]
set -u
echo "$1" > /proc/sys/user/max_net_namespaces
shift
for moment in 00 01 02 03 04 06 08 10 12 14 16 18 20 25 30 35 40 50 60 90; do
	lablab run -q --interval 1ms "$@" >/dev/null 2>&1 &
	sleep 0.0$moment
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	# Destruction takes the kernel some milliseconds.
	tries=0
	until lablab run -q --interval 1ms "$@" testdata/one.yaml >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 30 ]; then
			echo "killed after 0.0$moment s, and no lab could be built after that:"
			exec lablab run -q --interval 1ms "$@" testdata/one.yaml
		fi
		sleep 0.1
	done
done
