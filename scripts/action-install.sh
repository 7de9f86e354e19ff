#!/usr/bin/env bash
# Gets lablab for the GitHub action. It changes nothing for the job's other steps: neither
# PATH, nor the environment, nor Go's caches.
#
#   action-install.sh fetch   downloads the released binary if the workflow names a release by its tag;
#                             sets the output "directory", and "key" if the binary must come from a cache
#   action-install.sh build   builds it in $DIRECTORY unless it is there
set -euo pipefail
source=${GITHUB_ACTION_PATH:?}

fetch() {
	local target archive url version got
	case $(uname -sm) in
	'Linux x86_64') target=linux_amd64 ;;
	'Linux aarch64') target=linux_arm64 ;;
	*) return 1 ;;
	esac
	# The path says what was requested: the variables for that are empty in a composite action.
	[[ $source =~ /_actions/([^/]+/[^/]+)/v([0-9]+\.[0-9]+\.[0-9]+)/?$ ]] || return 1
	version=${BASH_REMATCH[2]}
	url=$GITHUB_SERVER_URL/${BASH_REMATCH[1]}/releases/download/v$version
	archive=lablab_${version}_$target.tar.gz
	curl -fsSL --retry 3 --remote-name-all "$url/SHA256SUMS" "$url/$archive" || return 1
	if ! sha256sum --check --strict --ignore-missing --quiet SHA256SUMS; then
		echo "::error title=lablab::$archive does not match the release's SHA256SUMS"
		exit 1
	fi
	got=$RUNNER_TEMP/lablab-$version
	tar -xzf "$archive" --strip-components 1 "${archive%.tar.gz}/lablab" && install -D lablab "$got/lablab" || exit 1
	echo "directory=$got" >>"$GITHUB_OUTPUT"
}

build() {
	local go
	# Go before 1.21 cannot fetch a newer version by itself.
	if ! go=$(command -v go) || [ -z "$(cd / && go env GOTOOLCHAIN)" ]; then
		sh "$source/scripts/fetch-go.sh" .
		go=$PWD/go/bin/go
	fi
	cd "$source"
	env -u GOROOT -u GOOS -u GOARCH GOTOOLCHAIN=auto GOFLAGS=-modcacherw GOWORK=off GOPATH="$work/path" GOCACHE="$work/cache" CGO_ENABLED=0 \
		"$go" build -trimpath -buildvcs=false -ldflags '-s -w' -o "$DIRECTORY/lablab" .
}

work=$(mktemp -d -p "${RUNNER_TEMP:?}")
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT # Go makes some directories read-only
cd "$work"
case ${1-} in
fetch)
	if ! fetch; then
		# Everything that goes into the binary, so that a cached one is never out of date.
		key=$(cd "$source" && find . \( -name .git -o -name node_modules \) -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
		key=lablab-$(uname -sm | tr ' ' -)-${key%% *}
		printf 'key=%s\ndirectory=%s\n' "$key" "$RUNNER_TEMP/$key" >>"$GITHUB_OUTPUT"
	fi
	;;
build) [ -x "${DIRECTORY:?}/lablab" ] || build ;;
*) echo 'usage: action-install.sh fetch|build' >&2 && exit 2 ;;
esac
