#!/usr/bin/env bash
# tag-bump against what people write by hand, over a real `git daemon` on loopback:
# one change to a large repository, and 32 writers at once to a small one.
#
# Runs in a network of its own where that is allowed (`unshare`), so that the bytes of the loopback
# device are those of the transfer alone. Prints Markdown for scripts/bench.sh.
#
#   FILES=20000 HISTORY_MB=200 WRITERS=32 RUNS=5     what is measured; these are the defaults
# shellcheck disable=SC2317,SC2329  # functions are called by name through `measure` and `race`
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
files=${FILES:-20000}
history_mb=${HISTORY_MB:-200}
writers=${WRITERS:-32}
runs=${RUNS:-5}

if [ -z "${INNER:-}" ]; then
    cargo build --quiet --release --package tag-bump --manifest-path "$root/Cargo.toml" >&2
    if unshare -rn true 2>/dev/null && command -v ip >/dev/null; then
        INNER=counted exec unshare -rn "$0"
    fi
    INNER=plain exec "$0"
fi

if [ "$INNER" = counted ]; then ip link set lo up; fi
bump=$root/target/release/tag-bump
work=$(mktemp -d)
daemon=
stop() {
    if [ -n "$daemon" ]; then kill "$daemon" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap stop EXIT
cd "$work"

export HOME=$work GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 NO_COLOR=1
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org

bytes() { if [ "$INNER" = counted ]; then awk '$1 == "lo:" { print $2 }' /proc/net/dev; else echo 0; fi; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# median, smallest and largest of the numbers on standard input
spread() { sort -n | awk '{ a[NR] = $1 } END { m = int((NR + 1) / 2); printf "%s (%s to %s)", a[m], a[1], a[NR] }'; }
median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

values() { printf 'image:\n  repository: acme/%s\n  tag: "v0"   # live\n\nreplicas: 2\n' "$1"; }

# A repository with many files, and a history of random megabytes that no pack makes smaller.
large() {
    git init --quiet --bare --initial-branch=main large.git
    {
        stamp="Ada <ada@example.org> 1700000000 +0000"
        for ((commit = 1; commit <= history_mb; commit++)); do
            printf 'commit refs/heads/main\ncommitter %s\ndata 5\nasset\nM 100644 inline asset.bin\ndata 1048576\n' "$stamp"
            head -c 1048576 /dev/urandom
            printf '\n'
        done
        printf 'commit refs/heads/main\ncommitter %s\ndata 5\nfiles\n' "$stamp"
        awk -v files="$files" 'BEGIN {
            for (i = 0; i < files; i++) {
                text = sprintf("name: service-%05d\nreplicas: %d\nlabels: {team: team-%03d, tier: backend}\n", i, i % 7, i % 100)
                printf "M 100644 inline services/team-%03d/service-%05d.yaml\ndata %d\n%s\n", i % 200, i, length(text), text
            }
        }'
        text=$(values shop; printf .)
        text=${text%.}
        printf 'M 100644 inline environments/dev/values.yaml\ndata %s\n%s\n' "${#text}" "$text"
    } | git -C large.git fast-import --quiet
    git -C large.git repack -a -d -q
}

small() {
    git init --quiet --bare --initial-branch=main "$1"
    git init --quiet --initial-branch=main seed-work
    for ((writer = 0; writer < writers; writer++)); do
        values "app$writer" >"seed-work/app$writer.yaml"
    done
    git -C seed-work add --all
    git -C seed-work commit --quiet --message first
    git -C seed-work push --quiet "$work/$1" main
    rm -rf seed-work
}

large
for repository in ours.git theirs.git; do small "$repository"; done
for repository in large ours theirs; do
    git -C "$repository.git" config uploadpack.allowFilter true
done

port=$((20000 + RANDOM % 20000))
git daemon --export-all --enable=receive-pack --reuseaddr --listen=127.0.0.1 --port="$port" --base-path="$work" "$work" >/dev/null 2>&1 &
daemon=$!
url=git://127.0.0.1:$port
for _ in $(seq 100); do git ls-remote --quiet "$url/ours.git" >/dev/null 2>&1 && break; sleep 0.1; done

yq_version=$(yq --version 2>/dev/null || true)
tag=0
one_tag_bump() { "$bump" --quiet --repo "$url/large.git" environments/dev/values.yaml --image acme/shop --tag "v$tag" >/dev/null; }
by_hand() {
    git clone --quiet "$@" "$url/large.git" clone
    (
        cd clone
        # shellcheck disable=SC2016
        if [ "$editor" = yq ]; then
            yq --in-place --yaml-output --arg tag "v$tag" '.image.tag = $tag' environments/dev/values.yaml
        else
            sed -i "s/tag:.*/tag: v$tag/" environments/dev/values.yaml
        fi
        git commit --quiet --all --message "v$tag"
        git push --quiet
    )
    rm -rf clone
}

# measure NAME RUNS COMMAND...: a row of the table, and the medians in $work/NAME
measure() {
    local name=$1 count=$2 start before
    shift 2
    : >"$work/times"
    : >"$work/sizes"
    for ((run = 0; run < count; run++)); do
        tag=$((tag + 1))
        before=$(bytes)
        start=$(now_ms)
        "$@"
        echo $(($(now_ms) - start)) >>"$work/times"
        echo $((($(bytes) - before) / 1024)) >>"$work/sizes"
    done
    median <"$work/times" >"$work/$name.ms"
    median <"$work/sizes" >"$work/$name.kb"
    local size
    size=$(if [ "$INNER" = counted ]; then spread <"$work/sizes"; else echo "not counted"; fi)
    printf '| %s | %s | %s | %s |\n' "$name" "$(spread <"$work/times")" "$size" "$count"
}

echo "## bump"
echo
echo "One new tag in a repository with $files files and a history of $history_mb MB, pushed over \`git daemon\` on"
echo "loopback: from nothing on the machine to the commit on the branch. Medians, smallest and largest in brackets."
echo "Bytes are those of the loopback device in a network of its own, both directions, headers and acknowledgements"
echo "included."
echo
echo "| way | ms | KiB on the wire | runs |"
echo "| --- | --- | --- | --- |"
measure "tag-bump --repo" "$runs" one_tag_bump
editor="sed"
measure "git clone --depth 1, sed, commit, push" 3 by_hand --depth 1
measure "git clone, sed, commit, push" 3 by_hand
if [ -n "$yq_version" ] && command -v jq >/dev/null; then
    editor="yq"
    measure "git clone, yq, commit, push" 3 by_hand
    echo
    echo "\`yq\` is the one written in Python, as Debian packs it ($yq_version)."
else
    echo
    echo "There was no \`yq\`; the edit is a small part of the time."
fi

write_with_tag_bump() {
    "$bump" --quiet --repo "$url/ours.git" "app$1.yaml" --image "acme/app$1" --tag v1 -o json >"$work/report.$1" 2>/dev/null
}
write_by_hand() {
    git clone --quiet --depth 1 "$url/theirs.git" "theirs.$1" 2>/dev/null
    cd "theirs.$1"
    sed -i "s/tag:.*/tag: v1/" "app$1.yaml"
    git commit --quiet --all --message "ci: update image tag to v1"
    git push --quiet 2>/dev/null
}
# race COMMAND: all writers at once; prints the time in ms
race() {
    local start
    start=$(now_ms)
    pids=()
    for ((writer = 0; writer < writers; writer++)); do
        ("$1" "$writer") &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || true; done
    echo $(($(now_ms) - start)) >"$work/race.ms"
}
landed() {
    local count=0
    for ((writer = 0; writer < writers; writer++)); do
        if git -C "$1" show "main:app$writer.yaml" | grep -q v1; then count=$((count + 1)); fi
    done
    echo "$count"
}

echo
echo "$writers writers at once, each with a value in a file of its own, to one branch over \`git daemon\`:"
echo
echo "| way | landed | lost | s until the last one ended |"
echo "| --- | --- | --- | --- |"
race write_with_tag_bump
ours=$(landed ours.git)
printf '| tag-bump --repo | %s of %s | %s | %s |\n' "$ours" "$writers" $((writers - ours)) "$(awk '{ printf "%.1f", $1 / 1000 }' "$work/race.ms")"
race write_by_hand
theirs=$(landed theirs.git)
printf '| clone, sed, commit, push, as the story has it | %s of %s | %s | %s |\n' "$theirs" "$writers" $((writers - theirs)) "$(awk '{ printf "%.1f", $1 / 1000 }' "$work/race.ms")"
attempts=$(cat "$work"/report.* | grep -o '"attempts":[0-9]*' | sort -u -t: -k2 -n | tail -n 1 | cut -d: -f2)
echo
echo "The unluckiest of tag-bump's writers tried $attempts times; one by hand tries once."

goal=0
if [ "$ours" -ne "$writers" ]; then goal=10; fi
if [ "$INNER" = counted ] && [ "$(cat "$work/tag-bump --repo.kb")" -gt 1024 ]; then goal=10; fi
if [ "$(cat "$work/tag-bump --repo.ms")" -gt "$(cat "$work/git clone, sed, commit, push.ms")" ]; then goal=10; fi
echo
echo "Goals: all $writers land; less than 1 MiB for one change; faster than a clone. $(if [ "$goal" -eq 0 ]; then echo "All met."; else echo "Not all met."; fi)"
exit "$goal"
