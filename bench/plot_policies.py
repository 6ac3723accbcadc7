#!/usr/bin/env python3
"""policies.svg of policies_real.json: for each scenario the p99 of each contender, on a logarithmic scale.

    bench/plot_policies.py [FOLDER]      bench/results
"""
import json
import math
import pathlib
import sys
from xml.sax.saxutils import escape

LABELS, PLOT, ROW, GAP, TOP = 150, 330, 16, 34, 64
COLUMNS = 2
STYLE = """
  text { font: 12px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; } .heading { font-weight: 600; } .small { font-size: 11px; fill: #59636e; }
  .paper { fill: #ffffff; } .own { fill: #0969da; } .peer { fill: #8c959f; } .grid { stroke: #d1d9e0; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .small { fill: #9198a1; } .paper { fill: #0d1117; } .own { fill: #4493f8; }
    .peer { fill: #656c76; } .grid { stroke: #30363d; }
  }
"""


def panel(name, rows, left, top, least, most):
    def place(value):
        return PLOT * math.log(max(value, least) / least) / math.log(most / least)

    shapes = [f'<text class="heading" x="{left}" y="{top + 12}">{escape(name)}</text>']
    bottom = top + 22 + ROW * len(rows)
    for power in range(math.ceil(math.log10(least)), math.floor(math.log10(most)) + 1):
        x = left + LABELS + place(10 ** power)
        shapes.append(f'<line class="grid" x1="{x:.1f}" y1="{top + 20}" x2="{x:.1f}" y2="{bottom}"/>')
        shapes.append(f'<text class="small" x="{x:.1f}" y="{top + 14}" text-anchor="middle">{10 ** power:g} ms</text>')
    for number, row in enumerate(sorted(rows, key=lambda one: one["p99"])):
        y = top + 22 + ROW * number
        peer = row["contender"].startswith(("nginx", "haproxy"))
        failed = f", {100 * row['failed'] / row['requests']:.1f} % failed" if row["failed"] else ""
        width = place(row["p99"])
        shapes.append(f'<text x="{left + LABELS - 6}" y="{y + 11}" text-anchor="end">{escape(row["contender"])}</text>')
        shapes.append(f'<rect class="{"peer" if peer else "own"}" x="{left + LABELS}" y="{y + 2}" width="{width:.1f}" height="{ROW - 5}"/>')
        inside = width > PLOT * 0.6
        shapes.append(f'<text class="small" x="{left + LABELS + (width - 4 if inside else width + 4):.1f}" y="{y + 11}" '
                      f'text-anchor="{"end" if inside else "start"}"{" style=%sfill:#fff%s" % (chr(34), chr(34)) if inside else ""}>'
                      f'{row["p99"]:.0f}{failed}</text>')
    return shapes


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent / "results"
    rows = json.loads((folder / "policies_real.json").read_text(encoding="ascii"))
    names = list(dict.fromkeys(row["scenario"] for row in rows))
    least = min(row["p99"] for row in rows) / 2
    most = max(row["p99"] for row in rows) * 1.1
    height = 22 + ROW * max(sum(row["scenario"] == name for row in rows) for name in names) + GAP
    width = COLUMNS * (LABELS + PLOT + GAP)
    total = TOP + height * math.ceil(len(names) / COLUMNS)
    shapes = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{total}" viewBox="0 0 {width} {total}">',
              f"<style>{STYLE}</style>", f'<rect class="paper" width="{width}" height="{total}"/>',
              '<text class="title" x="16" y="26">p99 of requests before five real backends</text>',
              '<text class="small" x="16" y="46">open-loop load; blue: policies of load-balancer, grey: peers; less is better; '
              'logarithmic</text>']
    for number, name in enumerate(names):
        some = [row for row in rows if row["scenario"] == name]
        shapes += panel(name, some, 16 + number % COLUMNS * (LABELS + PLOT + GAP), TOP + number // COLUMNS * height, least, most)
    (folder / "policies.svg").write_text("\n".join([*shapes, "</svg>"]) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
