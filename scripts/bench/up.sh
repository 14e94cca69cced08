#!/usr/bin/env bash
# The embedded cluster of kind-up: how soon it is ready, how many objects it applies, what memory it takes. And the
# bring-up on kind on paper, from the times in up.toml.
#
#   scripts/bench/up.sh              prints Markdown; 0 when the goals are met, 10 when not
#   ROUNDS=9 OBJECTS=2000 scripts/bench/up.sh
#   KIND_UP=./kind-up scripts/bench/up.sh        measures this program instead of building one
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
rounds=${ROUNDS:-7}
objects=${OBJECTS:-1000}

for program in awk curl jq; do
    command -v "$program" >/dev/null || { echo "up.sh needs $program" >&2; exit 3; }
done
kind_up=${KIND_UP:-}
if [ -z "$kind_up" ]; then
    cargo build --quiet --release -p kind-up >&2
    kind_up=${CARGO_TARGET_DIR:-target}/release/kind-up
fi
work=$(mktemp -d)
flags=(--provider embedded --state-dir "$work/state")
trap '"$kind_up" down --yes "${flags[@]}" >/dev/null 2>&1; rm -rf "$work"' EXIT

now() { date +%s%N; }
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$(jq .pid "$work/state/server.json")/status"; }
# summary FILE: the median, the smallest and the largest of one number a line.
summary() { sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%d (%d to %d)", v[int((NR + 1) / 2)], v[1], v[NR] }'; }
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

for _ in $(seq "$rounds"); do
    begin=$(now)
    "$kind_up" up --quiet "${flags[@]}" >/dev/null
    echo $((($(now) - begin) / 1000000)) >>"$work/start"
    resident >>"$work/empty"
    begin=$(now)
    "$kind_up" up --quiet "${flags[@]}" >/dev/null
    echo $((($(now) - begin) / 1000000)) >>"$work/again"

    # One apply each, over HTTP/2, 16 at a time.
    server=https://$(jq -r .address "$work/state/server.json")
    printf 'header = "Authorization: Bearer %s"\n' "$(<"$work/state/token")" >"$work/curl"
    begin=$(now)
    curl --config "$work/curl" --silent --show-error --fail --output /dev/null --cacert "$work/state/ca.pem" \
        --parallel --parallel-max 16 --request PATCH --header 'Content-Type: application/apply-patch+yaml' \
        --data '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"app":"bench"}},"data":{"key":"value"}}' \
        "$server/api/v1/namespaces/default/configmaps/map-[1-$objects]?fieldManager=bench"
    echo $((objects * 1000000000 / ($(now) - begin))) >>"$work/applied"
    resident >>"$work/full"
    "$kind_up" down --yes "${flags[@]}" >/dev/null
done

cat <<TABLE
## up

The embedded stand-in of \`kind-up\`, alone, without pods. Medians, smallest and largest in brackets, $rounds rounds.

| what | measured | goal |
| --- | --- | --- |
| \`kind-up up\` from nothing to ready, ms | $(summary "$work/start") | 1000 |
| \`kind-up up\` again, nothing to do, ms | $(summary "$work/again") | |
| objects applied by server-side apply a second, $objects of them by curl, 16 at a time | $(summary "$work/applied") | 1000 |
| memory when ready, KiB | $(summary "$work/empty") | 40960 |
| memory with these objects, KiB | $(summary "$work/full") | 40960 |

### On kind, on paper

The phases of a bring-up until every application is healthy, run by kind-up's own scheduler on the times of
\`scripts/bench/up.toml\`, which are figures of others and estimates: no machine with Docker and the node image was at
hand. Cold downloads 3.6 GB over $(sed -n 's/^megabit_per_second = //p' scripts/bench/up.toml) Mbit/s.

TABLE
cargo run --quiet --release -p kind-up --example critical_path -- scripts/bench/up.toml

[ "$(median "$work/start")" -le 1000 ] && [ "$(median "$work/applied")" -ge 1000 ] && [ "$(median "$work/full")" -le 40960 ] || exit 10
