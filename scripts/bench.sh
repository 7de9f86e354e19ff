#!/bin/sh
# Times lablab against the same four experiments, done by hand in a shell script
# (scripts/by-hand.sh). It alternates between them and prints the medians and the ratio. Run
# it as root on an idle machine. Usage: scripts/bench.sh [runs] [interval in ms]
set -eu
cd "$(dirname "$0")/.."
runs=${1:-11}
interval=${2:-1}
seconds=$(awk "BEGIN { print $interval / 1000 }")
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
go build -o "$work/lablab" .

timed() { # FILE COMMAND…: appends the milliseconds that the command takes
	file=$1; shift
	began=$(date +%s%N)
	"$@" > /dev/null 2>&1
	echo $(( ($(date +%s%N) - began) / 1000 )) >> "$work/$file.times"
}
median() { sort -n "$work/$1.times" | awk '{ t[NR] = $1 } END { printf "%.1f", t[int((NR + 1) / 2)] / 1000 }'; }

timed warm "$work/lablab" run -q --interval "${interval}ms" --format json
for _ in $(seq "$runs"); do
	timed lablab "$work/lablab" run -q --interval "${interval}ms" --format json
	timed byhand scripts/by-hand.sh "$seconds"
	timed help "$work/lablab" --help
done
ours=$(median lablab) theirs=$(median byhand)
echo "four experiments at ${interval} ms between packets, medians of $runs runs in turn:"
echo "  lablab run --format json  ${ours} ms"
echo "  scripts/by-hand.sh        ${theirs} ms"
echo "  ratio                     $(awk "BEGIN { printf \"%.2f\", $ours / $theirs }")"
echo "  lablab --help             $(median help) ms"
