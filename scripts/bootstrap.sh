#!/usr/bin/env bash
# From an empty machine to the platform: looks for the tools, calls kind-up, prints the addresses.
#
#   scripts/bootstrap.sh                       on kind, where there is Docker
#   scripts/bootstrap.sh --provider embedded   on the stand-in, where there is none
#
# Everything after the name goes to `kind-up up`. Credentials for Git come from .env beside README.md, from what
# autoscaleops.yaml names, or from GITHUB_USER and GITHUB_TOKEN; never from an argument.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

if command -v kind-up >/dev/null; then
    kind_up=kind-up
elif command -v cargo >/dev/null; then
    cargo build --quiet --release -p kind-up
    kind_up=${CARGO_TARGET_DIR:-target}/release/kind-up
else
    echo "bootstrap.sh needs kind-up on PATH, or cargo to build it: https://rustup.rs" >&2
    exit 3
fi

# Lines GITHUB_USER= and GITHUB_TOKEN=, read by kind-up and by no shell.
case " $* " in
*" --env-file"* | *" --token-file"*) ;;
*) if [ -f .env ]; then set -- --env-file "$root/.env" "$@"; fi ;;
esac

"$kind_up" doctor "$@"
"$kind_up" up --timings "$@"
