#!/usr/bin/env bash
# Runs the benchmarks, scripts/bench/NAME.sh each, and writes what they print into
# docs/benchmarks.md, each under its heading, with the machine and the versions above them.
#
#   scripts/bench.sh                 all of them
#   scripts/bench.sh gate load       only these; the others' sections stay as they are
#   scripts/bench.sh --print gate    to standard output, without touching the document
#
# A benchmark prints Markdown: a table with medians and spread, and the command of each row. It
# exits with 0 when its goals are met, 10 when one is missed, anything else when it could not run.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
export PATH="$root/.tools/bin:$PATH"
document=docs/benchmarks.md

print=no
names=()
for argument in "$@"; do
    case $argument in
        --print) print=yes ;;
        -*)
            sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
            [ "$argument" = --help ] && exit 0
            exit 2
            ;;
        *)
            if [ ! -x "scripts/bench/$argument.sh" ]; then
                echo "no benchmark \`$argument\`; there are: $(basename -s .sh scripts/bench/*.sh | xargs)" >&2
                exit 2
            fi
            names+=("$argument")
            ;;
    esac
done
if [ "${#names[@]}" -eq 0 ]; then
    mapfile -t names < <(basename -s .sh scripts/bench/*.sh)
fi

machine() {
    local cpu memory
    cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)
    memory=$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo 2>/dev/null)
    echo "$(nproc) cores of ${cpu:-an unknown CPU}, ${memory:-unknown memory}, $(uname -s), $(rustc --version | cut -d ' ' -f 1,2)"
}

# put NAME: replaces the section between the marks of NAME by standard input, or appends it.
put() {
    local section="$work/section" open="<!-- bench:$1 -->" close="<!-- /bench:$1 -->"
    { echo "$open"; cat; echo "$close"; } >"$section"
    if grep -qF -- "$open" "$document"; then
        awk -v open="$open" -v close_mark="$close" -v section="$section" '
            $0 == open { while ((getline line < section) > 0) print line; skip = 1 }
            !skip { print }
            $0 == close_mark { skip = 0 }' "$document" >"$work/document"
    else
        { cat "$document"; echo; cat "$section"; } >"$work/document"
    fi
    cat "$work/document" >"$document"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "$print" = no ] && [ ! -e "$document" ]; then
    printf '%s\n\n%s\n' "# Benchmarks" "Made by \`scripts/bench.sh\`. Medians, with the spread beside them." >"$document"
fi

missed=()
broken=()
for name in "${names[@]}"; do
    echo "== $name" >&2
    started=$SECONDS
    "scripts/bench/$name.sh" >"$work/$name.md"
    code=$?
    case $code in
        0) ;;
        10) missed+=("$name") ;;
        *)
            broken+=("$name")
            echo "$name could not run: exit code $code" >&2
            continue
            ;;
    esac
    if [ "$print" = yes ]; then
        cat "$work/$name.md"
    else
        {
            cat "$work/$name.md"
            echo
            printf '%s on %s; %s; %s s.\n' "Run with \`scripts/bench.sh $name\`" "$(date -u +%Y-%m-%d)" "$(machine)" "$((SECONDS - started))"
        } | put "$name"
    fi
done

if [ "${#missed[@]}" -gt 0 ]; then echo "goals missed: ${missed[*]}" >&2; fi
if [ "${#broken[@]}" -gt 0 ]; then echo "could not run: ${broken[*]}" >&2; exit 1; fi
[ "${#missed[@]}" -eq 0 ] || exit 10
