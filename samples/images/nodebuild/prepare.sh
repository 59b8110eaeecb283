#!/bin/sh
# Fetches npm, and the headers that native modules are compiled with. Takes: NODE, the major version of Node.js.
set -eu
case $(uname -m) in aarch64) arch=arm64 ;; *) arch=x64 ;; esac
npm pack --silent "node-linux-$arch@$NODE" npm@10 >/dev/null
mkdir node npm
tar xzf node-linux-*.tgz -C node --strip-components=1
tar xzf npm-*.tgz -C npm --strip-components=1
rm ./*.tgz
