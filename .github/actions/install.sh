#!/usr/bin/env bash
# Brings one program to an action: TOOL, from SOURCE, and says where it is as the output `program`.
#
#   SOURCE=release   the binary of release VERSION of TOOLS_REPOSITORY: its checksum and its attestation are checked first
#   SOURCE=build     cargo builds it from this checkout, with the toolchain that its manifest names
#   SOURCE=path      it lies in FOLDER already
#
# Everything comes in by environment variables, so nothing that a caller passes is ever read as code.
set -euo pipefail

repository=${TOOLS_REPOSITORY:-autoscaleops/autoscaleops}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
    echo "::error title=$TOOL::$1" >&2
    exit "$2"
}

target() {
    case "$(uname -s)/$(uname -m)" in
        Linux/x86_64) echo x86_64-unknown-linux-gnu ;;
        Linux/aarch64) echo aarch64-unknown-linux-gnu ;;
        Darwin/x86_64) echo x86_64-apple-darwin ;;
        Darwin/arm64) echo aarch64-apple-darwin ;;
        *) fail "there is no release for $(uname -s) on $(uname -m); use source: build" 3 ;;
    esac
}

from_release() {
    [[ "$VERSION" =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "version wants three numbers, such as 0.1.0, not a range or a name" 2
    local cache="$RUNNER_TEMP/autoscaleops/$VERSION"
    if [ ! -x "$cache/bin/$TOOL" ]; then
        mkdir -p "$cache"
        gh release download "cli-v$VERSION" --repo "$repository" --dir "$cache" --clobber \
            --pattern "autoscaleops-$VERSION-$(target).tar.gz" --pattern SHA256SUMS || fail "release cli-v$VERSION cannot be had" 3
        local code=0
        AUTOSCALEOPS_REPOSITORY=$repository "$here/../../scripts/install.sh" --attested --version "$VERSION" \
            --from "$cache" --prefix "$cache" "$TOOL" >&2 || code=$?
        [ "$code" -eq 0 ] || fail "release cli-v$VERSION of $repository is not what its release workflow built" "$code"
    fi
    echo "$cache/bin/$TOOL"
}

from_build() {
    local root
    root=$(cd "$here/../.." && pwd)
    # The runner's own may be too old for it, or younger than anybody tried.
    if command -v rustup >/dev/null; then
        RUSTUP_TOOLCHAIN=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml")
        export RUSTUP_TOOLCHAIN
        rustup toolchain install "$RUSTUP_TOOLCHAIN" --profile minimal >&2
    fi
    cargo build --locked --release --package "$TOOL" --manifest-path "$root/Cargo.toml" >&2
    echo "${CARGO_TARGET_DIR:-$root/target}/release/$TOOL"
}

case "$SOURCE" in
    release) program=$(from_release) ;;
    build) program=$(from_build) ;;
    path) program="${FOLDER%/}/$TOOL" ;;
    *) fail "source wants release, build or path" 2 ;;
esac
[ -x "$program" ] || fail "there is no program $program" 3
"$program" --version >&2
echo "program=$program" >>"$GITHUB_OUTPUT"
