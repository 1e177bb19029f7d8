#!/bin/sh
# Builds the modules in this folder anew from the npm packages of package-lock.json, whose hashes npm checks, and says whether
# they come out as they are here. Only who changes a version runs this; the product is built without it.
#
#   ./build.sh           builds, and compares with SHA256SUMS
#   ./build.sh --update  builds, and writes SHA256SUMS
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp package.json package-lock.json ./*.entry.mjs "$work"
npm ci --ignore-scripts --no-audit --no-fund --prefix "$work" >&2

for name in hpke jssip; do
	# JsSIP says window where it means the global object, which has no such name in a service worker.
	(cd "$work" && node_modules/.bin/esbuild "$name.entry.mjs" --bundle --minify --format=esm --target=es2022 --charset=utf8 \
		--define:window=globalThis --legal-comments=none --outfile="$work/$name.js" --log-level=warning)
	cp "$work/$name.js" .
done
licence() { # FILE PACKAGE...: the licences of packages, one after the other
	out=$1
	shift
	for package in "$@"; do
		at=$work/node_modules/$package
		printf '%s %s\n\n' "$package" "$(node -p 'require(process.argv[1]).version' "$at/package.json")"
		for file in "$at"/LICENSE* "$at"/license*; do
			[ ! -f "$file" ] || cat "$file"
		done
		printf '\n'
	done >"$out"
}
licence hpke.LICENSE @hpke/core @hpke/common @hpke/hybridkem-x-wing @hpke/dhkem-x25519 @hpke/chacha20poly1305 mlkem
licence jssip.LICENSE jssip sdp-transform debug ms events
sum='hpke.js hpke.LICENSE jssip.js jssip.LICENSE'
# shellcheck disable=SC2086 # one argument per file
[ "${1:-}" != --update ] || sha256sum $sum >SHA256SUMS
sha256sum -c SHA256SUMS
