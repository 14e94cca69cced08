"""Measures what growth.sh built, and draws it: python3 growth.py PROGRAMS WORK ROUNDS PICTURE COMMAND."""
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

programs, work, rounds, picture, command = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
quiet = {**os.environ, "NO_COLOR": "1", "XDG_CACHE_HOME": f"{work}/cache", "GOMAXPROCS": "2"}
for name in ("AUTOSCALEOPS_CONFIG", "GITHUB_ACTIONS"):
    quiet.pop(name, None)


def used(arguments, seconds=None, expected=(0,)):
    """Runs a program, for `seconds` where it has no end of its own; returns CPU seconds and MB at the peak."""
    process = subprocess.Popen(arguments, cwd=work, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=open(f"{work}/errors", "w"))
    if seconds:
        time.sleep(seconds)
        process.send_signal(signal.SIGTERM)
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in expected:
        sys.exit(f"{' '.join(map(str, arguments))[:200]}: ended with {code}: {open(f'{work}/errors').read()[-400:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


class Server:
    """A server of the tests, of which the first line is its address."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(arguments, cwd=work, env=quiet, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.line = self.process.stdout.readline().strip()

    def __enter__(self):
        return self.line.rsplit(" ", 1)[-1]

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()


def gate(factor):
    report = f"{work}/report-{factor}.json"
    if not os.path.exists(report):
        with open(report, "w") as file:
            subprocess.run([f"{work}/large_report", str(max(1, round(1.5 * factor)))], stdout=file, check=True)
    return used([f"{programs}/trivy-gate", "--no-ci", report], expected=(0, 10))


def watch(factor):
    tags = ",".join(f"1.{index // 100}.{index % 100}" for index in range(50 * factor))
    with Server(f"{programs}/examples/registry", "--listen", "127.0.0.1:0", "--tags", f"acme/shop={tags}") as host:
        shutil.rmtree(f"{work}/cache", ignore_errors=True)
        with open(f"{work}/watch.yaml", "w") as file:
            file.write(f'image-watch: {{images: [{{image: "{host}/acme/shop", strategy: newest-build, platform: linux/amd64, current: 1.0.0}}]}}\n')
        return used([f"{programs}/image-watch", "check", "--no-ci", "--config", f"{work}/watch.yaml"])


def hpa(factor):
    length = 6
    server = subprocess.Popen([f"{programs}/examples/apiserver", work, str(50 * factor), str(2 * factor), str(length + 4)],
                              cwd=work, env=quiet, stdout=subprocess.PIPE, text=True)
    server.stdout.readline()
    try:
        return used([f"{programs}/hpa-watch", "watch", "-A", "--kubeconfig", f"{work}/kubeconfig"], length, (0, 143))
    finally:
        server.terminate()
        server.wait()


def load(factor):
    with open(f"{work}/rest.js", "w") as file:
        file.write("import http from 'k6/http'; import { sleep } from 'k6';\n"
                   "export default function () { http.get(__ENV.URL); sleep(1); }\n")
    with Server(f"{programs}/examples/bench_server") as url:
        return used([f"{programs}/k6-run", "run", "--engine", "native", "--quiet", "--no-ci", "--vus", str(10 * factor),
                     "--duration", "6s", "-e", f"URL={url}", "rest.js"], expected=(0, 10, 11))


CURVES = [
    ("trivy-gate", "one report", ("1.5 MB", "15 MB", "150 MB"), gate),
    ("image-watch", "tags, the newest build among them, cold", ("50", "500", "5,000"), watch),
    ("hpa-watch", "autoscalers, changes a second for 6 s", ("50, 2/s", "500, 20/s", "5,000, 200/s"), hpa),
    ("k6-run", "virtual users, a request a second each for 6 s", ("10", "100", "1,000"), load),
]

rows = []
for tool, what, amounts, measure in CURVES:
    seconds, memory = [], []
    for factor in (1, 10, 100):
        tries = [measure(factor) for _ in range(rounds)]
        seconds.append([it[0] for it in tries])
        memory.append([it[1] for it in tries])
        print(f"{tool} x{factor}: {statistics.median(seconds[-1]):.3f} s, {statistics.median(memory[-1]):.1f} MB", file=sys.stderr)
    rows.append((tool, what, amounts, seconds, memory))

print("## growth\n")
print("CPU seconds of the program and its memory at the peak, for 1, 10 and 100 times the work; the exponent is of the last ten-fold "
      "(1 is linear, 0 is no growth).\n")
print("| program | work | CPU | exponent | memory | exponent |")
print("| --- | --- | --- | --- | --- | --- |")
too_steep = []
for tool, what, amounts, seconds, memory in rows:
    middle = [statistics.median(it) for it in seconds]
    peak = [statistics.median(it) for it in memory]
    slope = [math.log10(max(it[2], 1e-4) / max(it[1], 1e-4)) for it in (middle, peak)]
    # Steeper than its work is what no tool may be; a tenth is for the noise of a machine.
    if max(slope) > 1.1:
        too_steep.append(tool)
    spread = ", ".join(f"{statistics.median(it):.2f} s ({min(it):.2f}–{max(it):.2f})" for it in seconds)
    print(f"| {tool} | {what}: {'; '.join(amounts)} | {spread} | {slope[0]:.2f} | "
          f"{', '.join(f'{it:.0f} MB' for it in peak)} | {slope[1]:.2f} |")
print(f"\n![CPU time and memory of the four programs for 1, 10 and 100 times the work](growth.svg)")
if too_steep:
    print(f"\nGrows faster than its work: {', '.join(too_steep)}.")


def drawn():
    """Four small charts, both axes by tens; linear growth is the dashed slope."""
    width, height, left, top = 340, 250, 52, 44
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * width + 20} {2 * (height + 50) + 30}" '
           'font-family="system-ui, sans-serif" font-size="11" role="img">',
           "<title>CPU time and memory for 1, 10 and 100 times the work</title>",
           "<style>.ink{fill:#1f2328}.dim{fill:#59636e}.grid{stroke:#d1d9e0}.cpu{stroke:#0969da;fill:#0969da}.memory{stroke:#8250df;fill:#8250df}"
           ".guide{stroke:#8c959f}.back{fill:#fff}text,tspan{stroke:none!important}"
           "@media(prefers-color-scheme:dark){.ink{fill:#f0f6fc}.dim{fill:#9198a1}.grid{stroke:#3d444d}.cpu{stroke:#4493f8;fill:#4493f8}"
           ".memory{stroke:#ab7df8;fill:#ab7df8}.guide{stroke:#656c76}.back{fill:#0d1117}}</style>",
           f'<rect class="back" width="{2 * width + 20}" height="{2 * (height + 50) + 30}"/>']
    for index, (tool, what, amounts, seconds, memory) in enumerate(rows):
        x0 = (index % 2) * (width + 20) + left
        y0 = (index // 2) * (height + 50) + top
        inner = width - left - 40
        deep = height - 40
        xs = [x0 + inner * step / 2 for step in range(3)]
        out.append(f'<text class="ink" x="{x0}" y="{y0 - 24}" font-size="13" font-weight="600">{tool}</text>')
        out.append(f'<text class="dim" x="{x0}" y="{y0 - 9}">{what}</text>')
        for x, amount in zip(xs, amounts):
            out.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{y0}" y2="{y0 + deep}"/>')
            out.append(f'<text class="dim" x="{x}" y="{y0 + deep + 15}" text-anchor="middle">{amount}</text>')
        # Time above, memory below it; within each, a ten-fold is as high as the dashed slope says.
        for values, kind, unit, upper, lower in ((seconds, "cpu", "s", y0 + 14, y0 + 132), (memory, "memory", "MB", y0 + 152, y0 + deep - 8)):
            middle = [max(statistics.median(it), 1e-3) for it in values]
            tens = (lower - upper) / 2.2
            at = lambda value: upper + tens * math.log10(max(middle) / value)
            guide = [(xs[0], upper + 2 * tens), (xs[2], upper)]
            if guide[0][1] > lower:
                share = (lower - upper) / (2 * tens)
                guide[0] = (xs[2] - share * (xs[2] - xs[0]), lower)
            out.append('<line class="guide" stroke-dasharray="4 4" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>'.format(*guide[0], *guide[1]))
            points = [(x, min(at(value), lower)) for x, value in zip(xs, middle)]
            out.append(f'<polyline class="{kind}" style="fill:none" stroke-width="2" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>')
            for (x, y), value in zip(points, middle):
                text = f"{value:.2f}" if value < 10 else f"{value:.0f}"
                out.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>')
                out.append(f'<text class="{kind}" x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle">{text} {unit}</text>')
    y = 2 * (height + 50) + 22
    out.append(f'<text x="{left}" y="{y}" class="dim">above: <tspan class="cpu" style="stroke:none">CPU seconds</tspan>, below: <tspan class="memory" style="stroke:none">memory at the peak</tspan>;'
               " dashed: growth as fast as the work; both axes logarithmic</text>")
    out.append("</svg>\n")
    return "\n".join(out)


with open(picture, "w") as file:
    file.write(drawn())
sys.exit(10 if too_steep else 0)
