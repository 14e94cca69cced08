#!/usr/bin/env bash
# Makes the recorded reports of the demo anew: builds both demo images with docker, scans them
# with the real Trivy and the small offline database of the tests.
#
#   scripts/demo/record.sh          needs docker with a running daemon, and trivy (.tools/bin or PATH)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
PATH="$root/.tools/bin:$PATH"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$root/crates/trivy-gate/tests/fixtures/trivy-db/db" "$work/db"

record() { # NAME TAG
    local image="ghcr.io/acme/shop:$2"
    DOCKER_BUILDKIT=0 docker build --quiet --tag "$image" "$here/images/$1" >/dev/null
    (
        cd "$work"
        trivy image --quiet --cache-dir "$work" --skip-db-update --offline-scan --scanners vuln \
            --show-suppressed --format json --output "$work/$1.json" "$image"
    )
    mv "$work/$1.json" "$here/$1.trivy.json"
    echo "recorded $image into scripts/demo/$1.trivy.json"
}

record vulnerable dev-1a2b3c4
record clean 1.2.3
