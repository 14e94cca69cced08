#!/usr/bin/env bash
# The chain against every real part that this machine has: images built by Docker, scanned by
# Trivy, pushed by skopeo to a registry with TLS and authentication, Git over smart HTTP with
# authentication, Helm, k6, Prometheus.
#
#   scripts/e2e.sh local        all of it on loopback; what is missing is named and skipped
#   scripts/e2e.sh kind         the bring-up on kind, where Docker can run it (opt-in, see e2e-kind.yml)
#   … --no-build                with the programs that are built already
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mode=${1:-}
build=yes
[ "${2:-}" = --no-build ] && build=no
case $mode in
    local | kind) ;;
    *)
        sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
        [ "$mode" = --help ] && exit 0
        exit 2
        ;;
esac

target="${CARGO_TARGET_DIR:-$root/target}"
if [ "$build" = yes ]; then
    echo "Building the tools…"
    (cd "$root" && cargo build --locked --quiet --workspace --bins && cargo build --locked --quiet -p autoscaleops-testkit --examples) || exit 1
fi
export PATH="$target/debug:$root/.tools/bin:$PATH"
unset GITHUB_ACTIONS GITHUB_OUTPUT GITHUB_STEP_SUMMARY AUTOSCALEOPS_CONFIG

work=$(mktemp -d "${TMPDIR:-/tmp}/autoscaleops-e2e.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
# shellcheck source=scripts/lib/story.sh
source "$root/scripts/lib/story.sh"
# shellcheck source=scripts/lib/docker.sh
source "$root/scripts/lib/docker.sh"
cluster=
clean_up() {
    trap '' INT TERM HUP
    # The shell would name each job that ends here.
    exec 2>/dev/null
    end_processes
    if [ -n "$cluster" ]; then kind-up down --yes --config cluster.yaml >/dev/null; fi
    stop_docker
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
cd "$work" || exit 1

skipped=()
# has PROGRAM WHAT: whether a program is there; if not, what is left out is named.
has() {
    if command -v "$1" >/dev/null; then return 0; fi
    skipped+=("$2: no program \`$1\`")
    return 1
}

free_port() {
    local port
    for _ in $(seq 50); do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

finish() {
    local item
    mkdir -p "$target/e2e"
    write_page "$target/e2e/report.html" "the chain with its real peers"
    for item in "${skipped[@]}"; do echo "skipped: $item"; done
    echo "${green}Done${plain} in $((SECONDS - story_started)) s: $story_number steps. On one page: $target/e2e/report.html"
}

if [ "$mode" = kind ]; then
    # shellcheck source=scripts/e2e/kind.sh
    source "$root/scripts/e2e/kind.sh"
else
    # shellcheck source=scripts/e2e/local.sh
    source "$root/scripts/e2e/local.sh"
fi
finish
