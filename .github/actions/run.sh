#!/usr/bin/env bash
# Runs PROGRAM with the arguments given and those in MORE, one a line. Its exit code becomes the output `exit-code`, its
# report the file named by the output `report`. A code that is not in ACCEPT fails the step.
set -eo pipefail

arguments=("$@")
while IFS= read -r line; do
    if [ -n "$line" ]; then arguments+=("$line"); fi
done <<<"${MORE:-}"

report=$(mktemp "$RUNNER_TEMP/report.XXXXXX")
mv "$report" "$report.json"
# At the end, but before the command that a program is to run.
front=()
while [ "${#arguments[@]}" -gt 0 ] && [ "${arguments[0]}" != -- ]; do
    front+=("${arguments[0]}")
    arguments=("${arguments[@]:1}")
done
code=0
"$PROGRAM" "${front[@]}" --report "$report.json" "${arguments[@]}" || code=$?
{
    echo "exit-code=$code"
    echo "report=$report.json"
} >>"$GITHUB_OUTPUT"
for accepted in ${ACCEPT:-0}; do
    if [ "$code" = "$accepted" ]; then exit 0; fi
done
exit "$code"
