#!/usr/bin/env bash
# Throws damaged and made-up input at every parser of what a stranger can send: scripts/fuzz/targets
# says which, docs/security.md what was found. Needs a C++ compiler, and network once for cargo-fuzz.
#
#   scripts/fuzz.sh                every target, ten minutes each
#   scripts/fuzz.sh 30             thirty seconds each
#   scripts/fuzz.sh 600 gate edit  these two only
#   scripts/fuzz.sh --no-build …   with the targets that are built already
#
# Inputs of interest gather in target/fuzz/corpus/TARGET, findings in target/fuzz/findings/TARGET. A
# finding that is mended belongs into scripts/fuzz/corpus/TARGET: `cargo test` replays what lies there.
# The exit code is 10 when something was found.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
seconds=600
build=yes
if [ "${1:-}" = --no-build ]; then
    build=no
    shift
fi
case ${1:-} in
    '' | [a-z]*) ;;
    *[!0-9]*)
        sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
        [ "$1" = --help ] && exit 0
        exit 2
        ;;
    *)
        seconds=$1
        shift
        ;;
esac
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then mapfile -t targets < <(basename -s .rs scripts/fuzz/targets/*.rs); fi
for target in "${targets[@]}"; do
    if [ ! -e "scripts/fuzz/targets/$target.rs" ]; then
        echo "no target \`$target\`; there are: $(basename -s .rs scripts/fuzz/targets/*.rs | xargs)" >&2
        exit 2
    fi
done

export PATH="$root/.tools/bin:$PATH"
folder="${CARGO_TARGET_DIR:-$root/target}/fuzz"
if [ "$build" = yes ]; then
    if ! command -v cargo-fuzz >/dev/null; then
        echo "Installing cargo-fuzz into .tools/…"
        cargo install --quiet --locked --version 0.13.2 --root "$root/.tools" cargo-fuzz || exit 1
    fi
    # Our code is safe Rust but for the stacks of k6-engine, which no target enters: without a sanitizer
    # of memory there are more tries. Overflows and debug assertions are checked.
    # The coverage counters are flags of the compiler that its stable releases have under this name only.
    RUSTC_BOOTSTRAP=1 cargo fuzz build --fuzz-dir scripts/fuzz --sanitizer none --target-dir "$folder" || exit 1
fi
host=$(rustc -vV | sed -n 's/^host: //p')

# Files that a parser is given lie in memory, where there is such a place.
for place in /dev/shm "${TMPDIR:-/tmp}"; do
    if [ -w "$place" ]; then
        TMPDIR=$(mktemp -d "$place/fuzz.XXXXXX") && break
    fi
done
export TMPDIR
running=
trap '[ -z "$running" ] || kill "$running" 2>/dev/null; rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

found=0
rows=()
for target in "${targets[@]}"; do
    mkdir -p "$folder/corpus/$target" "$folder/findings/$target"
    before=$(find "$folder/findings/$target" -type f | wc -l)
    log="$folder/$target.log"
    echo "== $target, $seconds s"
    # A hang is looked for in minutes, as seconds are lost on a machine that does something else as well.
    "$folder/$host/release/$target" "$folder/corpus/$target" "scripts/fuzz/corpus/$target" \
        -max_total_time="$seconds" -max_len=16384 -timeout=120 -rss_limit_mb=3072 -print_final_stats=1 \
        -dict=scripts/fuzz/words.dict -artifact_prefix="$folder/findings/$target/" >"$log" 2>&1 &
    running=$!
    wait "$running"
    code=$?
    running=
    after=$(find "$folder/findings/$target" -type f | wc -l)
    tries=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
    edges=$(sed -nE 's/.* cov: ([0-9]+) .*/\1/p' "$log" | tail -n 1)
    rows+=("| $target | ${tries:-0} | ${edges:-0} | $((after - before)) |")
    if [ "$code" -ne 0 ]; then
        found=$((found + 1))
        grep -E 'panicked at|ERROR:|SUMMARY|^[a-z].*:$' -A 2 "$log" | head -n 20
        echo "   the input lies in $folder/findings/$target; again with: $folder/$host/release/$target FILE"
    fi
done
echo
echo "| target | executions | edges | findings |"
echo "| --- | --- | --- | --- |"
printf '%s\n' "${rows[@]}"
[ "$found" -eq 0 ] || exit 10
