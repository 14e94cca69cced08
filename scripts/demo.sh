#!/usr/bin/env bash
# The whole chain on this machine, with nothing installed but Rust and Git: a vulnerable image is
# blocked and nothing is pushed; a clean one passes, and its tag lands in Git. Everything lives in
# a temporary folder and on loopback, and is gone when the demo ends, also after Ctrl-C.
#
#   scripts/demo.sh                build, then tell the story; a page of it stays in target/demo/
#   scripts/demo.sh --no-build     with the programs that are built already
#   scripts/demo.sh --recorded     judge the recorded reports even where Docker and Trivy could scan
#   scripts/demo.sh --keep         leave cluster, registry and repository running at the end, and say how to end them
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=yes
recorded=no
keep=no
for argument in "$@"; do
    case $argument in
        --no-build) build=no ;;
        --recorded) recorded=yes ;;
        --keep) keep=yes ;;
        *)
            sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
            [ "$argument" = --help ] && exit 0
            exit 2
            ;;
    esac
done

target="${CARGO_TARGET_DIR:-$root/target}"
if [ "$build" = yes ]; then
    echo "Building the tools (the first time takes some minutes)…"
    # The same profile and features as the tests, so that neither builds the other's work again.
    (cd "$root" && cargo build --locked --quiet --workspace --bins --example registry) || exit 1
fi
export PATH="$target/debug:$root/.tools/bin:$PATH"
# Of curl the demo needs only this much, so a machine without it can do it as well.
if ! command -v curl >/dev/null; then
    curl() {
        local url=${*: -1} authority
        authority=${url#http://}
        authority=${authority%%/*}
        exec 3<>"/dev/tcp/${authority%:*}/${authority##*:}" || return 7
        printf 'GET /%s HTTP/1.0\r\nHost: %s\r\n\r\n' "${url#http://*/}" "$authority" >&3
        sed '1,/^\r*$/d' <&3
        exec 3>&-
    }
    export -f curl
fi
# A demo under a CI runner is no job of that runner, and the user's configuration is not the demo's.
unset GITHUB_ACTIONS GITHUB_OUTPUT GITHUB_STEP_SUMMARY AUTOSCALEOPS_CONFIG

work=$(mktemp -d "${TMPDIR:-/tmp}/autoscaleops-demo.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
# shellcheck source=scripts/lib/story.sh
source "$root/scripts/lib/story.sh"
# shellcheck source=scripts/lib/docker.sh
source "$root/scripts/lib/docker.sh"
cluster=
reserved=()
clean_up() {
    trap '' INT TERM HUP
    # The shell would name each job that ends here.
    exec 2>/dev/null
    rm -f "${reserved[@]}"
    if [ "$keep" = kept ]; then stop_docker; return; fi
    end_processes
    # The cluster runs beside the script, not below it.
    if [ -n "$cluster" ]; then kind-up down --yes >/dev/null; fi
    stop_docker
    rm -rf "$work"
}
trap clean_up EXIT
trap 'echo; echo "Interrupted: cleaning up."; exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
cd "$work" || exit 1

page="$target/demo/report.html"
mkdir -p "$target/demo"
image=ghcr.io/acme/shop

# ── a Git remote, as a hosting service would be ───────────────────────────────────────────────
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
git init --quiet --bare --initial-branch=main shop.git
git init --quiet --initial-branch=main seed
cp -R "$root/scripts/demo/deploy/." seed
# 30007 and 30011 as in the charts, unless something else listens there, or another demo is about to.
reserve() { # PORT
    local file="/tmp/autoscaleops-demo.$1"
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 1; fi
    # What a demo left that was killed is no claim any more.
    if [ -e "$file" ] && ! kill -0 "$(<"$file")" 2>/dev/null; then rm -f "$file"; fi
    (set -o noclobber && echo $$ >"$file") 2>/dev/null && reserved+=("$file")
}
node_port() { # WISH ENVIRONMENT, into $port
    port=$1
    until reserve "$port"; do port=$((30100 + RANDOM % 2600)); done
    if [ "$port" -ne "$1" ]; then
        say "port $1 is taken (\`kind-up doctor\` says what it can of it), so $2 is served at $port"
    fi
}
node_port 30007 dev && dev_port=$port
node_port 30011 prod && prod_port=$port
sed -i.old "s/nodePort: 30007/nodePort: $dev_port/" seed/dev/shop.yaml
sed -i.old "s/nodePort: 30011/nodePort: $prod_port/" seed/prod/shop.yaml
rm seed/*/*.old
git -C seed add --all
git -C seed commit --quiet --message "shop: first deployment"
git -C seed push --quiet "$work/shop.git" main
rm -rf seed
remote="file://$work/shop.git"
# As they stand in a command, also where a folder has a space in its name.
quoted_remote=$(printf %q "$remote")
quoted_target=$(printf %q "$target")
script=$(printf %q "$root/scripts/k6/autoscale.js")
remote_log() { git -C "$work/shop.git" log --format='%s' main; }
commits() { git -C "$work/shop.git" rev-list --count main; }

# ── what is judged ────────────────────────────────────────────────────────────────────────────
scan="recorded reports of real scans (scripts/demo/*.trivy.json)"
if [ "$recorded" = no ] && command -v docker >/dev/null && command -v trivy >/dev/null && start_docker "$root/.tools/docker"; then
    scan="scans of images built just now, with the small offline database of the tests"
    real_scan() { # NAME TAG
        DOCKER_BUILDKIT=0 docker build --quiet --tag "$image:$2" "$root/scripts/demo/images/$1" &&
            trivy image --quiet --cache-dir "$work/trivy" --skip-db-update --offline-scan --scanners vuln \
                --format json --output "$work/$1.trivy.json" "$image:$2"
    }
    mkdir -p "$work/trivy" && cp -R "$root/crates/trivy-gate/tests/fixtures/trivy-db/db" "$work/trivy/db"
    if ! { real_scan vulnerable dev-1a2b3c4 && real_scan clean 1.2.3; } >"$work/scan.log" 2>&1; then
        say "note: the real scan did not work, so the recordings are judged: $(tail -n 1 "$work/scan.log")"
        scan="recorded reports of real scans (scripts/demo/*.trivy.json)"
    fi
fi
for name in vulnerable clean; do
    [ -s "$name.trivy.json" ] || cp "$root/scripts/demo/$name.trivy.json" .
done

echo "${bold}AutoScaleOps: from a scan to production, on this machine${plain}"
say "judged are $scan"

# ── the story ─────────────────────────────────────────────────────────────────────────────────
cat >autoscaleops.yaml <<CONFIG
kind-up:
  provider: embedded
  cluster: demo
  state_dir: "$work/cluster"
  root_app: ""
  manifests: [applications.yaml]
  embedded:
    # A pod is a process of this machine. Everything is a little faster than in a real cluster.
    images:
      $image: {program: "$target/debug/demo-app", tags: [dev-0000000, 1.0.0, 1.2.3]}
    git_period: 1s
    sync_period: 2s
    metrics_window: 3s
    cpu_initialization_period: 3s
    initial_readiness_delay: 3s
CONFIG
applications=$(<"$root/scripts/demo/applications.yaml")
printf '%s\n' "${applications//REMOTE/"$remote"}" >applications.yaml

# The version that an environment serves, waited for.
serves() { # ENVIRONMENT PORT VERSION
    local answer
    answering() { answer=$(curl --silent --max-time 2 "http://127.0.0.1:$2/version") && [[ $answer == *"\"$3\""* ]]; }
    if ! until_true 30 answering "$@"; then
        say "${red}$1 does not serve $3 within 30 s: $answer${plain}"
        exit 1
    fi
    expect 0 "curl --silent http://127.0.0.1:$2/version"
}

step "A cluster comes up on this machine, and follows Git"
cluster=up
expect 0 "kind-up up --timings"
expect 0 "kind-up status"
serves dev "$dev_port" dev-0000000
serves prod "$prod_port" 1.0.0

step "The gate blocks a vulnerable image"
expect 10 "trivy-gate vulnerable.trivy.json"

step "A closed gate closes the pipe: nothing is pushed"
before=$(commits)
expect 10 "trivy-gate vulnerable.trivy.json -o json | tag-bump dev/shop.yaml --repo $quoted_remote --from - --push"
shows "commits on the remote" "$(commits)" "$before"

step "A clean image passes, and its tag lands in Git"
expect 0 "trivy-gate clean.trivy.json -o json | tag-bump dev/shop.yaml --repo $quoted_remote --from - --push"
shows "commits on the remote" "$(commits)" "$((before + 1))"
expect 0 "git -C shop.git show --format='%h %an: %s' --unified=1 main"

step "The cluster follows: dev serves the new version"
serves dev "$dev_port" 1.2.3

step "The same again changes nothing"
expect 0 "trivy-gate clean.trivy.json -o json | tag-bump dev/shop.yaml --repo $quoted_remote --from - --push"
shows "commits on the remote" "$(commits)" "$((before + 1))"

step "Load makes dev scale from 1 to 3 and back, and two tools judge it"
KUBECONFIG=$(kind-up kubeconfig --path)
export KUBECONFIG
expect 0 "hpa-watch record -o scaling.jsonl --settle 12s -n dev shop -- k6-run run $script -e BASE_URL=http://127.0.0.1:$dev_port -e DURATION=25s -e LOAD_MS=20 -e PATIENCE=3"
expect 0 "hpa-watch assert shop -n dev --from scaling.jsonl --out '>=3 within 1m' --back '<=1 within 2m' --max-reversals 1"
expect 0 "hpa-watch report scaling.jsonl --svg scaling.svg --html $quoted_target/demo/scaling.html"

# ── a release comes to prod ───────────────────────────────────────────────────────────────────
mkfifo registry.in
# shellcheck disable=SC2016
beside registry bash -c 'exec "$0" --listen 127.0.0.1:0 --tags acme/shop=0.9.0,1.0.0 <>registry.in' "$target/debug/examples/registry"
until_true 10 grep -q "^listening on " registry.log || exit 1
registry=$(sed -n 's/^listening on //p' registry.log)
cat >>autoscaleops.yaml <<CONFIG
image-watch:
  repository: "$remote"
  cache: "$work/cache"
  images:
    - name: shop-prod
      image: $registry/acme/shop
      strategy: semver
      constraint: ">=1.0, <2"
      target: {file: prod/shop.yaml, image: $image}
CONFIG

step "No release, nothing to promote"
expect 0 "image-watch check"

step "A release is published, and image-watch promotes prod"
expect 0 "echo acme/shop=1.2.3-rc.1,1.2.3,2.0.0 >registry.in"
until_true 10 grep -q "^added " registry.log || exit 1
expect 0 "image-watch explain shop-prod 2.0.0"
expect 0 "image-watch check --write"
shows "commits on the remote" "$(commits)" "$((before + 2))"
expect 0 "git -C shop.git show --format='%h %an: %s' --unified=1 main"
serves prod "$prod_port" 1.2.3

step "What stands in the end"
expect 0 "kind-up status"
expect 0 "git -C shop.git log --format='%h %an: %s' main"

write_page "$page" "from a scan to production, on this machine" scaling.svg
cp scaling.jsonl "$target/demo/scaling.jsonl"
echo
echo "${green}Done${plain} in $((SECONDS - story_started)) s."
summary
echo
echo "   the story         $page"
echo "   the scaling       $target/demo/scaling.html"
echo "   its recording     $target/demo/scaling.jsonl   (hpa-watch report, hpa-watch simulate --load)"
if [ "$keep" = yes ]; then
    keep=kept
    echo "   dev, prod         http://127.0.0.1:$dev_port/version   http://127.0.0.1:$prod_port/version"
    echo "   the cluster       export KUBECONFIG=$(printf %q "$KUBECONFIG")"
    echo "   the repository    $remote"
    folder=$(printf %q "$work")
    echo "   to end it all     (cd $folder && $quoted_target/debug/kind-up down --yes); kill ${story_background[*]}; rm -rf $folder"
fi
