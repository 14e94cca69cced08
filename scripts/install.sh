#!/usr/bin/env bash
# Installs the six programs of a release, or some of them, with their manual pages and completions, into ~/.local. The
# checksum of the archive has to be right, and where GitHub's program `gh` is there, so has the attestation by the release
# workflow.
#
#   scripts/install.sh                            all six
#   scripts/install.sh --prefix /usr/local trivy-gate tag-bump
#   scripts/install.sh --attested                 fail where the attestation cannot be checked
#   scripts/install.sh --version 0.1.0            another release than the one that this script is of
#   scripts/install.sh --from FOLDER              from files that are here already, or from the address of a mirror
#
# Nothing is installed unless everything was right. Exit codes: 1 a sum, an archive or an attestation is wrong; 2 the command
# line is; 3 a file cannot be had, or the attestation not be checked although it has to.
set -euo pipefail

version=0.1.0
repository=${AUTOSCALEOPS_REPOSITORY:-autoscaleops/autoscaleops}
prefix=${HOME:-}/.local
place=
attested=no
tools=()

fail() {
    echo "error: $1" >&2
    if [ -n "${3:-}" ]; then echo "  try:   $3" >&2; fi
    exit "$2"
}

value() { [ "$#" -ge 2 ] || fail "$1 wants a value" 2; }

while [ "$#" -gt 0 ]; do
    case $1 in
        --version) value "$@"; version=$2; shift ;;
        --prefix) value "$@"; prefix=$2; shift ;;
        --from) value "$@"; place=${2%/}; shift ;;
        --attested) attested=yes ;;
        hpa-watch | image-watch | k6-run | kind-up | tag-bump | trivy-gate) tools+=("$1") ;;
        -h | --help)
            sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]:-/dev/null}"
            exit 0
            ;;
        *) fail "\`$1\` is neither an option nor one of the six programs" 2 "scripts/install.sh --help" ;;
    esac
    shift
done
[[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "--version wants three numbers, such as 0.1.0, not \`$version\`" 2
if [ "${#tools[@]}" -eq 0 ]; then tools=(hpa-watch image-watch k6-run kind-up tag-bump trivy-gate); fi
case "$(uname -s)/$(uname -m)" in
    Linux/x86_64) target=x86_64-unknown-linux-gnu ;;
    Linux/aarch64) target=aarch64-unknown-linux-gnu ;;
    Darwin/x86_64) target=x86_64-apple-darwin ;;
    Darwin/arm64) target=aarch64-apple-darwin ;;
    *) fail "there is no release for $(uname -s) on $(uname -m)" 3 "cargo install --locked --path crates/trivy-gate" ;;
esac
name="autoscaleops-$version-$target"
place=${place:-https://github.com/$repository/releases/download/cli-v$version}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Plain HTTP to this machine alone.
fetch() {
    local protocol="=https"
    case $place in
        http://127.0.0.1[:/]* | http://localhost[:/]*) protocol="=http" ;;
        https://*) ;;
        *://*) fail "$place is not an address with https" 2 ;;
        *)
            cp "$place/$1" "$work/$1" 2>/dev/null || fail "there is no $place/$1" 3
            return
            ;;
    esac
    curl --fail --silent --show-error --location --proto "$protocol" --proto-redir "$protocol" --retry 3 \
        --connect-timeout 20 --max-time 900 --output "$work/$1" "$place/$1" ||
        fail "$place/$1 cannot be had" 3 "cargo install --locked --path crates/trivy-gate, which builds one of them from a checkout"
}

sum() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum --algorithm 256; fi <"$1" | cut -d ' ' -f 1
}

# Says why the attestation cannot be checked here; nothing when it can. An older gh may say yes to a file without any.
unable() {
    local numbers
    command -v gh >/dev/null || { echo "there is no program \`gh\`"; return; }
    numbers=$(gh --version | sed -n 's/^gh version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    # shellcheck disable=SC2086
    set -- ${numbers:-0 0}
    if [ "$1" -lt 2 ] || { [ "$1" -eq 2 ] && [ "$2" -lt 68 ]; }; then echo "\`gh\` is older than 2.68"; fi
}

fetch SHA256SUMS
fetch "$name.tar.gz"
# Of all the sums only ours, once.
expected=$(awk -v name="$name.tar.gz" '$2 == name { print $1 }' "$work/SHA256SUMS")
[[ "$expected" =~ ^[0-9a-f]{64}$ ]] || fail "SHA256SUMS has no sum for $name.tar.gz" 1
actual=$(sum "$work/$name.tar.gz")
[ "$actual" = "$expected" ] || fail "the checksum of $name.tar.gz is $actual and not $expected" 1
echo "checksum: sha256:$actual"

why=$(unable)
if [ -z "$why" ]; then
    code=0
    gh attestation verify "$work/$name.tar.gz" --repo "$repository" --source-ref "refs/tags/cli-v$version" \
        --signer-workflow "$repository/.github/workflows/release.yml" >"$work/said" 2>&1 || code=$?
    case $code in
        0) echo "attested: built by the release workflow of $repository" ;;
        # What gh says when nobody is signed in.
        4) why="\`gh\` is not signed in" ;;
        *)
            cat "$work/said" >&2
            fail "$name.tar.gz is not attested by the release workflow of $repository" 1
            ;;
    esac
fi
if [ -n "$why" ]; then
    [ "$attested" = no ] || fail "the attestation cannot be checked: $why" 3 "install gh 2.68 or newer and run: gh auth login"
    echo "attested: not checked, $why" >&2
fi

tar -xzf "$work/$name.tar.gz" -C "$work" || fail "$name.tar.gz cannot be unpacked" 1
for tool in "${tools[@]}"; do
    "$work/$name/$tool" --version >/dev/null || fail "$tool of $name.tar.gz does not run here" 1
done

# put FILE PLACE: beside it first and then renamed, since a running program cannot be overwritten. An archive that was packed
# on another machine has no pages.
put() {
    if [ ! -e "$work/$name/$1" ]; then return; fi
    mkdir -p "$(dirname "$prefix/$2")"
    cp "$work/$name/$1" "$prefix/$2.new"
    mv -f "$prefix/$2.new" "$prefix/$2"
}
for tool in "${tools[@]}"; do
    put "$tool" "bin/$tool"
    put "man/$tool.1" "share/man/man1/$tool.1"
    put "completions/$tool.bash" "share/bash-completion/completions/$tool"
    put "completions/$tool.zsh" "share/zsh/site-functions/_$tool"
    put "completions/$tool.fish" "share/fish/vendor_completions.d/$tool.fish"
    echo "installed: $prefix/bin/$tool ($("$prefix/bin/$tool" --version))"
done
case ":$PATH:" in
    *":$prefix/bin:"*) ;;
    *) echo "note: $prefix/bin is not on PATH" ;;
esac
