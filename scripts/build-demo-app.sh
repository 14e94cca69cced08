#!/usr/bin/env bash
# Builds the workload as one static program for its image, and proves that it is static:
# target/image/ARCH/demo-app, which crates/demo-app/Dockerfile copies.
#
#   scripts/build-demo-app.sh
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
triple=$(rustc --print host-tuple)
case "$triple" in
    x86_64-*-linux-*) arch=amd64 ;;
    aarch64-*-linux-*) arch=arm64 ;;
    *)
        echo "error: an image holds a Linux program, and this is $triple: build it with --target from-source" >&2
        exit 3
        ;;
esac

# The target is named although it is the host: only then the flags leave build scripts and macros alone. The folder is
# its own, because other flags would make cargo build everything else again.
build=(cargo build)
if cargo auditable --version >/dev/null 2>&1; then
    build=(cargo auditable build)
else
    echo "note: without cargo-auditable the program does not list its crates, and a scanner sees nothing in its image" >&2
fi
RUSTFLAGS="-C target-feature=+crt-static" \
    "${build[@]}" --locked --release --package demo-app --target "$triple" --target-dir target/static
program=target/static/$triple/release/demo-app

if readelf --program-headers --wide "$program" | grep -q INTERP; then
    echo "error: $program asks for a dynamic linker, so it would not start in an empty image" >&2
    exit 1
fi
mkdir -p "target/image/$arch"
install -m 0555 "$program" "target/image/$arch/demo-app"
echo "target/image/$arch/demo-app: static, $(stat -c %s "target/image/$arch/demo-app") bytes"
