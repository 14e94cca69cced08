#!/usr/bin/env bash
# Builds a program twice, from two clones in two folders, as a release does, and compares the digests.
# Without a name all six programs: half an hour on two cores.
#
#   scripts/reproducible.sh                    10 when a digest differs
#   scripts/reproducible.sh trivy-gate tag-bump
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case ${1:-} in
    -*)
        sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"
        exit 2
        ;;
esac
tools=("$@")
if [ "${#tools[@]}" -eq 0 ]; then tools=(hpa-watch image-watch k6-run kind-up tag-bump trivy-gate); fi
host=$(rustc -vV | sed -n 's/^host: //p')
flags=
case $host in *-linux-gnu) flags="-C target-feature=+crt-static" ;; esac
packages=()
for tool in "${tools[@]}"; do packages+=(--package "$tool"); done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Names of different length: a path that is left in a program would move what comes after it.
for folder in one the-other-one; do
    git clone --quiet "$root" "$work/$folder"
    (
        cd "$work/$folder"
        RUSTFLAGS="$flags --remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo" \
            cargo build --quiet --locked --release "${packages[@]}" --target "$host" --target-dir target
    )
done
differ=0
for tool in "${tools[@]}"; do
    one=$(sha256sum <"$work/one/target/$host/release/$tool" | cut -d ' ' -f 1)
    other=$(sha256sum <"$work/the-other-one/target/$host/release/$tool" | cut -d ' ' -f 1)
    if [ "$one" = "$other" ]; then
        echo "the same:  $tool  sha256:$one"
    else
        echo "DIFFERENT: $tool  sha256:$one  sha256:$other"
        differ=10
    fi
done
exit "$differ"
