"""Draws what scripts/demo.sh printed as a terminal: scripts/demo.sh | tee demo.log, then python3 scripts/demo/picture.py demo.log >docs/demo.svg."""
import html
import re
import sys

COLUMNS = 100
lines = open(sys.argv[1], encoding="utf-8").read().splitlines()
kept = []
said = False
for line in lines:
    if re.match(r"\d+\. ", line):
        kept += [("", ""), ("step", line)] if kept else [("step", line)]
    elif line.startswith("   $ "):
        command = re.sub(r"/tmp/autoscaleops-demo\.\w+/", "", line[3:])
        command = re.sub(r"\S*/(scripts/k6/)", r"\1", command)
        command = re.sub(r"'?/\S*/target/", "target/", command).replace("scaling.html'", "scaling.html")
        kept.append(("command", command))
        said = False
    elif re.match(r"     (pass|fail|\{\"version|shop-prod: |[0-9a-f]{7} Ada|`2\.0\.0`)", line) and not said:
        kept.append(("fail" if line.startswith("     fail") else "said", line[3:]))
        said = True
    elif line.startswith("Done in"):
        kept += [("", ""), ("step", line)]
        break
cut = lambda text: text if len(text) <= COLUMNS else text[: COLUMNS - 1] + "…"
size, left = 17, 16
height = size * len(kept) + 2 * left
print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {COLUMNS * 7.9 + 2 * left:.0f} {height}" role="img" font-size="13" '
      'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace">')
print("<title>A run of scripts/demo.sh: each step with its command and what it said</title>")
print("<style>text{white-space:pre;fill:#d1d7e0}.step{fill:#f0f6fc;font-weight:600}.command{fill:#9198a1}.fail{fill:#d29922}.said{fill:#3fb950}</style>")
print('<rect x="0.5" y="0.5" width="99.9%" height="99.9%" rx="8" fill="#0d1117" stroke="#3d444d"/>')
for number, (kind, text) in enumerate(kept):
    if text:
        print(f'<text class="{kind}" x="{left}" y="{left + size * (number + 0.8):.0f}" xml:space="preserve">{html.escape(cut(text))}</text>')
print("</svg>")
