#!/bin/sh
# Fetches the official Node.js program, which a package of npm carries. Takes: NODE, its major version.
set -eu
command -v npm >/dev/null || { echo "npm is needed to fetch Node.js: install it (apt-get install npm)" >&2; exit 1; }
case $(uname -m) in aarch64) arch=arm64 ;; *) arch=x64 ;; esac
npm pack --silent "node-linux-$arch@$NODE" >/dev/null
mkdir node
tar xzf node-linux-*.tgz -C node --strip-components=1
rm node-linux-*.tgz
