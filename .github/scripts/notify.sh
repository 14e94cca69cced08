#!/usr/bin/env bash
# Says in one line what a run of the deliver or promote workflow did, and did not do, from the results of its jobs.
#
#   NEEDS     the jobs' results and outputs, as toJSON(needs) gives them
#   RUN_URL   where the run is
#   WEBHOOK   Slack's incoming webhook; without one the line goes to the job's summary alone
#
# The line is made of what happened, not of what was meant: a job that was skipped has done nothing.
set -euo pipefail

line=$(jq --raw-output '
    . as $needs
    | def result($job): $needs[$job].result // "absent";
    def output($job; $key): $needs[$job].outputs[$key] // "";
    def count($key): output("scan"; $key) | if . == "" then "?" else . end;
    (output("build"; "tag") | if . == "" then output("find"; "version") else . end
        | if . == "" then "an image" else . end) as $what
    # Told by deliver and by promote as soon as it is so, whatever came after.
    | (output("publish"; "image") != "" or output("publish"; "pushed") == "true") as $pushed
    | if result("build") == "failure" then "❌ not built: nothing was scanned, pushed or deployed"
      elif result("find") == "failure" then "❌ \($what) is not promoted: "
        + (if output("find"; "missing") == "true" then "no image was built from this commit"
           elif output("find"; "digest") != "" then "its image could not be shown to be of the deliver workflow"
           else "its image could not be looked up" end)
      elif [result("build"), result("find"), result("scan")] | any(. == "cancelled") then "⚠️ \($what): cancelled before a verdict; nothing was pushed"
      elif result("scan") != "success" then "❌ \($what) was not scanned to an end: nothing was pushed or deployed"
      elif output("scan"; "verdict") == "fail" then
        "⛔ \($what) is blocked: \(count("critical")) critical, \(count("high")) high with a fix; not deployed"
        + (if result("quarantine") == "success" then ", kept in quarantine" else "" end)
      elif output("scan"; "verdict") != "pass" then "❌ \($what) has no verdict: nothing was pushed or deployed"
      elif result("publish") != "success" and $pushed then
        "❌ \($what) passed the gate and is pushed, but could not be attested; the pipeline wrote it nowhere"
      elif result("publish") == "cancelled" then "⚠️ \($what) passed the gate; cancelled before it was pushed"
      elif result("publish") != "success" then "❌ \($what) passed the gate, but was not pushed"
      elif result("bump") == "absent" then "✅ \($what) is published, the bytes that were tested in dev; a pull request will offer it to prod"
      elif result("bump") == "skipped" then "✅ \($what) is pushed; the cluster will pick it up"
      elif result("bump") == "cancelled" then "⚠️ \($what) is pushed; cancelled while it was written for dev, so look there"
      elif result("bump") != "success" then "❌ \($what) is pushed, but dev still has the version before: the tag could not be written"
      elif output("bump"; "changed") == "false" then "✅ \($what) is pushed; dev has it already"
      else "✅ \($what) is pushed, and written for dev in \(output("bump"; "commit")[0:7])"
      end
' <<<"$NEEDS")

echo "$line"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then echo "$line" >>"$GITHUB_STEP_SUMMARY"; fi
if [ -n "${WEBHOOK:-}" ]; then
    # The address is a secret: curl reads it from its configuration, not from an argument that others can see.
    jq --null-input --compact-output --arg text "$line ${RUN_URL:-}" '{text: $text}' |
        curl --silent --show-error --fail --max-time 20 --retry 3 --retry-connrefused --output /dev/null \
            --header 'content-type: application/json' --data-binary @- --config <(printf 'url = "%s"\n' "$WEBHOOK")
fi
