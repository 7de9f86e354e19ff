#!/bin/sh
# Makes a Debian or Ubuntu machine ready for lablab: Go, the tools that its tests
# use as oracles, and lablab itself in /usr/local/bin. Run it as root, with the
# directory of the source as its argument. It may be run again.
set -eu
source=${1:?usage: provision.sh DIRECTORY}
go_version=1.26.8

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends ca-certificates curl git gcc libc6-dev iproute2 nftables conntrack iputils-ping util-linux

if ! /usr/local/go/bin/go version 2>/dev/null | grep -q "go$go_version "; then
	archive=go$go_version.linux-$(dpkg --print-architecture).tar.gz
	curl -fsSL -o "/tmp/$archive" "https://go.dev/dl/$archive"
	rm -rf /usr/local/go
	tar -C /usr/local -xzf "/tmp/$archive"
	rm "/tmp/$archive"
fi
ln -sf /usr/local/go/bin/go /usr/local/bin/go

cd "$source"
CGO_ENABLED=0 go build -buildvcs=false -o /usr/local/bin/lablab .
lablab --version
