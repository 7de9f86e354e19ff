#!/usr/bin/env bash
# Runs lablab for the GitHub action, on $SCENARIOS or $PLAN with $ARGS, as root if possible, and sets
# the action's outputs. It exits with lablab's exit code. Usage: action.sh LABLAB
set -euo pipefail
lablab=$1
: "${SCENARIOS=}" "${PLAN=}" "${FAIL_ON=}" "${ARGS=}" "${JUNIT:?}"
if [[ $JUNIT = *$'\n'* ]]; then
	echo '::error title=lablab::junit names more than one file'
	exit 2
fi

# words splits text into one word per line, as a shell would; it handles quotes and backslashes only.
words() {
	xargs -r printf '%s\n' <<<"$1" 2>&1 || { echo "::error title=lablab::cannot read $2: a quote is not closed in $1" >&2 && exit 2; }
}
lines=$(words "$SCENARIOS" scenarios)
readarray -t patterns < <(printf %s "${lines:+$lines$'\n'}")
lines=$(words "$ARGS" args)
readarray -t args < <(printf %s "${lines:+$lines$'\n'}")

scenarios=()
shopt -s globstar
IFS=
for pattern in "${patterns[@]}"; do
	# shellcheck disable=SC2206 # only file patterns expand; one without a match stays as it is
	scenarios+=($pattern)
done
unset IFS
if [ "${#scenarios[@]}" = 0 ] && [ -z "$PLAN" ]; then
	echo '::error title=lablab::no scenario is named: write scenarios: all, or name files'
	exit 2
fi
if [ "${#scenarios[@]}" != 0 ] && [ -n "$PLAN" ]; then
	echo '::error title=lablab::scenarios and plan exclude each other: use two steps'
	exit 2
fi

as_root=()
if [ "$(id -u)" != 0 ] && command -v sudo >/dev/null; then
	# sudo passes no environment variables by itself.
	as_root=(sudo '--preserve-env=GITHUB_ACTIONS,GITHUB_STEP_SUMMARY,GITHUB_WORKSPACE')
fi
began=$(mktemp)
trap 'rm -f "$began"' EXIT
code=0
if [ -n "$PLAN" ]; then
	held=true
	"${as_root[@]}" "$lablab" what-if --format markdown --fail-on "$FAIL_ON" "${args[@]}" -- "$PLAN" | tee -a "${GITHUB_STEP_SUMMARY:-/dev/null}" || code=$?
	[ "$code" = 0 ] || held=false
	echo "held=$held" >>"$GITHUB_OUTPUT"
	exit "$code"
fi
"${as_root[@]}" "$lablab" run --report "junit=$JUNIT" "${args[@]}" -- "${scenarios[@]}" || code=$?
if [ "${#as_root[@]}" != 0 ]; then # the next checkout must be able to remove what was written
	sudo find . -xdev -user root -newer "$began" -exec chown -h "$(id -u):$(id -g)" {} +
fi
held=true
[ "$code" = 0 ] || held=false
echo "held=$held" >>"$GITHUB_OUTPUT"
[ ! "$JUNIT" -nt "$began" ] || echo "junit=$JUNIT" >>"$GITHUB_OUTPUT"
exit "$code"
