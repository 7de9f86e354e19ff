#!/usr/bin/env bash
# What the GitHub action runs: lablab on $SCENARIOS with $ARGS, the report in $JUNIT,
# and the action's outputs in $GITHUB_OUTPUT. It ends with lablab's exit code.
set -euo pipefail
lablab=$1
: "${SCENARIOS=}" "${ARGS=}" "${JUNIT:?}"
read -r -d '' -a scenarios <<<"$SCENARIOS" || true
read -r -d '' -a args <<<"$ARGS" || true
if [ "${#scenarios[@]}" = 0 ]; then
	echo '::error title=lablab::no scenario is named: write scenarios: all, or the files'
	exit 2
fi
code=0
# sudo keeps nothing of the environment by itself.
sudo --preserve-env=GITHUB_ACTIONS,GITHUB_STEP_SUMMARY,GITHUB_WORKSPACE \
	"$lablab" run --report "junit=$JUNIT" "${args[@]}" -- "${scenarios[@]}" || code=$?
held=true
[ "$code" = 0 ] || held=false
printf 'junit=%s\nheld=%s\n' "$JUNIT" "$held" >>"$GITHUB_OUTPUT"
exit "$code"
