#!/usr/bin/env bash
# image-watch beside a skopeo loop: the newest build among 5,000 tags of one repository, each an
# image of its own, in a docker-registry on this machine.
#
#   TAGS=5000 SAMPLE=250 RUNS=5 scripts/bench/watch.sh
#
# The loop is what people write: `skopeo list-tags`, then `skopeo inspect` for each tag. It is timed
# over SAMPLE tags and multiplied (SAMPLE=5000 runs it whole). WATCH names a program that is built
# already. Needs docker-registry, skopeo, python3.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
tags=${TAGS:-5000}
sample=${SAMPLE:-250}
runs=${RUNS:-5}

for program in docker-registry skopeo python3; do
    if ! command -v "$program" >/dev/null; then
        echo "watch: no $program" >&2
        exit 3
    fi
done
watch=${WATCH:-}
if [ -z "$watch" ]; then
    cargo build --release --locked --quiet --package image-watch >&2
    watch=${CARGO_TARGET_DIR:-$root/target}/release/image-watch
fi

work=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

cat >"$work/registry.yml" <<YML
version: 0.1
log: {accesslog: {disabled: false}, level: error}
storage: {filesystem: {rootdirectory: $work/data}}
http: {addr: "127.0.0.1:0"}
YML

# The registry's own storage, as that many pushes would leave it.
python3 - "$work/data/docker/registry/v2" "$tags" <<'PY'
import hashlib, json, os, sys
from datetime import datetime, timedelta, timezone
base, count = sys.argv[1], int(sys.argv[2])
repository = f"{base}/repositories/acme/shop"
def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text)
def blob(value):
    data = json.dumps(value).encode()
    name = hashlib.sha256(data).hexdigest()
    put(f"{base}/blobs/sha256/{name[:2]}/{name}/data", data)
    return name, len(data)
start = datetime(2024, 1, 1, tzinfo=timezone.utc)
for index in range(count):
    created = (start + timedelta(minutes=index)).isoformat().replace("+00:00", "Z")
    config, size = blob({"architecture": "amd64", "os": "linux", "created": created,
                         "config": {}, "rootfs": {"type": "layers", "diff_ids": []}})
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest, _ = blob({"schemaVersion": 2, "mediaType": kind, "layers": [], "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": f"sha256:{config}", "size": size}})
    link = f"sha256:{manifest}".encode()
    put(f"{repository}/_layers/sha256/{config}/link", f"sha256:{config}".encode())
    put(f"{repository}/_manifests/revisions/sha256/{manifest}/link", link)
    tag = f"{repository}/_manifests/tags/build-{index:05}"
    put(f"{tag}/current/link", link)
    put(f"{tag}/index/sha256/{manifest}/link", link)
PY

log=$work/registry.log
# It makes a buffer of 4 MiB for every blob that it sends. With Go's usual limit it clears garbage
# after each second one, which is most of its time; with more room it serves both sides faster.
export GOGC=1600 OTEL_TRACES_EXPORTER=none
docker-registry serve "$work/registry.yml" >"$log" 2>&1 &
server=$!
port=
for _ in $(seq 100); do
    # At this level the registry does not say its port; the system does.
    port=$(python3 - "$server" <<'PY'
import os, sys
inodes = set()
for fd in os.listdir(f"/proc/{sys.argv[1]}/fd"):
    try:
        inodes.add(os.readlink(f"/proc/{sys.argv[1]}/fd/{fd}"))
    except OSError:
        pass
for name in ("tcp", "tcp6"):
    for line in open(f"/proc/net/{name}").read().splitlines()[1:]:
        words = line.split()
        if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:
            print(int(words[1].rsplit(":", 1)[1], 16))
            sys.exit()
PY
    )
    [ -z "$port" ] || break
    sleep 0.1
done
[ -n "$port" ] || { cat "$log" >&2; exit 3; }
image=127.0.0.1:$port/acme/shop
newest=$(printf 'build-%05d' $((tags - 1)))

cat >"$work/autoscaleops.yaml" <<YAML
image-watch:
  cache: $work/cache
  images:
    - {image: $image, strategy: newest-build, current: $newest}
YAML

# measure RUNS BEFORE COMMAND…: median, least and most milliseconds, the most KiB resident, and the
# median milliseconds of its own CPU time, which a busy machine changes less.
measure() {
    python3 - "$@" <<'PY'
import os, statistics, subprocess, sys, time
runs, before, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
times, most, own = [], 0, []
for _ in range(runs):
    if before:
        subprocess.run(before, shell=True, check=True)
    started = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    times.append((time.monotonic() - started) * 1000)
    most = max(most, usage.ru_maxrss)
    own.append((usage.ru_utime + usage.ru_stime) * 1000)
    if status != 0:
        sys.exit(f"{command} ended with {status}")
print(f"{statistics.median(times):.1f} {min(times):.1f} {max(times):.1f} {most} {statistics.median(own):.1f}")
PY
}

cd "$work"
# The registry's own CPU time in milliseconds.
burnt() {
    awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / tick) }' "/proc/$server/stat"
}
requests() { grep -c '"autoscaleops/' "$log" || true; }

before=$(requests)
burnt_before=$(burnt)
read -r cold cold_least cold_most cold_kib cold_own < <(measure "$runs" "rm -rf $work/cache" "$watch" check --quiet)
cold_requests=$((($(requests) - before) / runs))
cold_burnt=$((($(burnt) - burnt_before) / runs))
answer=$("$watch" check -o json)
case $answer in
    *'"reason":"up_to_date"'*) ;;
    *) echo "watch: a wrong answer: $answer" >&2; exit 1 ;;
esac
before=$(requests)
read -r warm warm_least warm_most warm_kib warm_own < <(measure $((runs * 4)) "" "$watch" check --quiet)
warm_requests=$((($(requests) - before) / (runs * 4)))

"$watch" run --quiet --interval 100ms >/dev/null 2>&1 &
daemon=$!
sleep 8
daemon_kib=$(awk '/^VmRSS/ { print $2 }' "/proc/$daemon/status")
kill "$daemon"
wait "$daemon" 2>/dev/null || true

# What the registry itself takes to list its tags.
list=$(python3 - "$image" <<'PY'
import statistics, sys, time, urllib.request
host, name = sys.argv[1].split("/", 1)
times = []
for _ in range(10):
    started = time.monotonic()
    urllib.request.urlopen(f"http://{host}/v2/{name}/tags/list?n=1000").read()
    times.append((time.monotonic() - started) * 1000)
print(f"{statistics.median(times):.1f}")
PY
)

# The loop.
cat >"$work/loop.sh" <<'LOOP'
set -e
image=$1 sample=$2
skopeo list-tags --tls-verify=false "docker://$image" >tags.json
python3 -c 'import json; print("\n".join(json.load(open("tags.json"))["Tags"]))' | tail -n "$sample" |
    while read -r tag; do
        skopeo inspect --no-tags --tls-verify=false --format '{{.Created.Format "2006-01-02T15:04:05Z07:00"}} '"$tag" "docker://$image:$tag"
    done | sort | tail -n 1
LOOP
before=$(grep -c '"skopeo/' "$log" || true)
burnt_before=$(burnt)
read -r loop _ _ _ loop_own < <(measure 1 "" bash "$work/loop.sh" "$image" "$sample")
after=$(grep -c '"skopeo/' "$log" || true)
loop_burnt=$(($(burnt) - burnt_before))
read -r one _ _ one_kib one_own < <(measure 3 "" skopeo list-tags --tls-verify=false "docker://$image")

python3 - <<PY
tags, sample = $tags, $sample
cold, warm = $cold, $warm
loop = $one + ($loop - $one) / sample * tags
own = $one_own + ($loop_own - $one_own) / sample * tags
per = ($after - $before - 2) / sample
whole = "timed whole" if sample >= tags else f"{sample} tags timed: {$loop / 1000:.1f} s, then multiplied"
times = loop / cold
burnt = $loop_burnt / sample * tags
print(f"""## watch

The newest build among {tags:,} tags, each an image of its own, in a docker-registry on the same machine, which shares its
cores (\`GOGC=1600\`: it makes a buffer of 4 MiB for each blob, and clears them less often; both sides gain by that).

| what | seconds (least to most) | own CPU seconds | the registry's | requests | most memory | command |
| --- | --- | --- | --- | --- | --- | --- |
| image-watch, cold | {cold / 1000:.2f} ({$cold_least / 1000:.2f} to {$cold_most / 1000:.2f}) | {$cold_own / 1000:.2f} | {$cold_burnt / 1000:.2f} | {$cold_requests:,} | {$cold_kib / 1024:.1f} MiB | \`image-watch check\`, without a cache, {$runs} runs |
| image-watch, warm | {warm / 1000:.3f} ({$warm_least / 1000:.3f} to {$warm_most / 1000:.3f}) | {$warm_own / 1000:.3f} | | {$warm_requests} | {$warm_kib / 1024:.1f} MiB | the same again, {$runs * 4} runs |
| image-watch, daemon | | | | | {$daemon_kib / 1024:.1f} MiB | \`image-watch run\`, resident after 8 s of warm polls |
| the list of tags alone, by the registry | {$list / 1000:.3f} | | | 1 | | a bare request |
| skopeo loop | {loop / 1000:.0f} | {own / 1000:.0f} | {burnt / 1000:.1f} | {round(per * tags):,} | {$one_kib / 1024:.1f} MiB each | \`skopeo list-tags\`, then \`skopeo inspect\` for each tag ({whole}) |

Cold is {times:.0f} times as fast as the loop. Of the time that $(nproc) cores had meanwhile, the registry used {$cold_burnt / cold / $(nproc) * 100:.0f} % and image-watch {$cold_own / cold / $(nproc) * 100:.0f} %.

| goal | measured | met |
| --- | --- | --- |
| cold: 20 times the loop's speed | {times:.0f} times | {"yes" if times >= 20 else "no"} |
| warm: under 50 ms | {warm:.0f} ms | {"yes" if warm < 50 else "no"} |
| warm: at most 2 requests | {$warm_requests} | {"yes" if $warm_requests <= 2 else "no"} |
| under 30 MB resident | {max($cold_kib, $warm_kib, $daemon_kib) * 1024 / 1e6:.1f} MB | {"yes" if max($cold_kib, $warm_kib, $daemon_kib) * 1024 < 30e6 else "no"} |""")
met = times >= 20 and warm < 50 and $warm_requests <= 2 and max($cold_kib, $warm_kib, $daemon_kib) * 1024 < 30e6
raise SystemExit(0 if met else 10)
PY
