#!/bin/sh
# Installs lablab on a Debian or Ubuntu machine from its source in DIRECTORY, with manual
# pages and completions below /usr/local, and the tools that its tests use. It uses the
# installed Go if that is new enough. Run it as root; running it again is harmless.
#
#   provision.sh DIRECTORY
set -eu
cd "${1:?usage: provision.sh DIRECTORY}"

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends ca-certificates curl git iproute2 nftables conntrack iputils-ping util-linux

go=
for candidate in "$(command -v go || true)" /usr/local/go/bin/go /usr/local/lib/lablab/go/bin/go; do
	# Only a Go as new as go.mod requires can read it.
	if [ -x "$candidate" ] && GOTOOLCHAIN=local "$candidate" list -m >/dev/null 2>&1; then
		go=$candidate
		break
	fi
done
if [ -z "$go" ]; then
	rm -rf /usr/local/lib/lablab
	sh scripts/fetch-go.sh /usr/local/lib/lablab
	go=/usr/local/lib/lablab/go/bin/go
fi

share=/usr/local/share
mkdir -p "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d" "$share/man/man1"
export CGO_ENABLED=0
"$go" build -buildvcs=false -trimpath -o /usr/local/bin/lablab .
"$go" run -buildvcs=false ./scripts/man "$share/man/man1"
lablab=/usr/local/bin/lablab
"$lablab" completion bash >"$share/bash-completion/completions/lablab"
"$lablab" completion zsh >"$share/zsh/site-functions/_lablab"
"$lablab" completion fish >"$share/fish/vendor_completions.d/lablab.fish"
"$lablab" --version
