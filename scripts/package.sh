#!/usr/bin/env bash
# Builds the six programs for a release and packs them with their completions and manual pages:
# target/package/autoscaleops-VERSION-TARGET.tar.gz. The same sources give the same programs, byte for byte,
# but for k6-run (docs/decisions.md).
#
#   scripts/package.sh 0.1.0 x86_64-unknown-linux-gnu
#   scripts/package.sh 0.1.0 x86_64-unknown-linux-gnu tag-bump    only this one
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ "$#" -lt 2 ]; then
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0" >&2
    exit 2
fi
version=$1
target=$2
tools=("${@:3}")
if [ "${#tools[@]}" -eq 0 ]; then tools=(hpa-watch image-watch k6-run kind-up tag-bump trivy-gate); fi

there=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
if [ "$version" != "$there" ]; then
    echo "error: the workspace is at $there, so this is no release $version" >&2
    exit 2
fi

# On Linux without a dynamic linker, so that they run on any distribution and in an empty image.
flags=
case "$target" in *-linux-gnu) flags="-C target-feature=+crt-static" ;; esac
packages=()
for tool in "${tools[@]}"; do packages+=(--package "$tool"); done
build=(cargo build)
if cargo auditable --version >/dev/null 2>&1; then build=(cargo auditable build); fi
home="${CARGO_HOME:-$HOME/.cargo}"
# Of the C in it too: an assertion there names its file, and some of it the time when it was compiled.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
RUSTFLAGS="$flags --remap-path-prefix=$PWD=. --remap-path-prefix=$home=cargo" \
    CFLAGS="-ffile-prefix-map=$PWD=. -ffile-prefix-map=$home=cargo" \
    "${build[@]}" --locked --release "${packages[@]}" --target "$target" --target-dir target/release-build

name="autoscaleops-$version-$target"
folder="target/package/$name"
rm -rf "$folder"
mkdir -p "$folder/completions" "$folder/man"
cp LICENSE README.md "$folder"
for tool in "${tools[@]}"; do
    program="target/release-build/$target/release/$tool"
    cp "$program" "$folder"
    # Where the program is for another machine, these are left out.
    if "$program" --version >/dev/null 2>&1; then
        for shell in bash zsh fish; do "$program" completions "$shell" >"$folder/completions/$tool.$shell"; done
        "$program" man >"$folder/man/$tool.1"
    fi
done

# Names in order, no owner, and the time of the commit.
time=$SOURCE_DATE_EPOCH
find "$folder" -exec touch -h -d "@$time" {} + 2>/dev/null || find "$folder" -exec touch -h -t "$(date -r "$time" +%Y%m%d%H%M.%S)" {} +
owner=(--owner=0 --group=0 --numeric-owner)
if tar --version 2>/dev/null | grep -q bsdtar; then owner=(--uid 0 --gid 0); fi
(cd target/package && find "$name" -type f | LC_ALL=C sort | tar -cf - "${owner[@]}" -T - | gzip -n -9 >"$name.tar.gz")
rm -rf "$folder"
echo "target/package/$name.tar.gz"
