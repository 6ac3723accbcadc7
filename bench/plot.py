"""The ratios as a picture: for each workload a bar for each proxy, beside the better peer, which is 1."""

from xml.sax.saxutils import escape

from proxies import OURSELVES, PEERS
from report import Row

KINDS = (OURSELVES, *PEERS)
# (start of the metric's name, heading, what is better)
PANELS = (("CPU µs/request", "CPU per request", "less is better"), ("p99 ", "p99 at a fixed rate", "less is better"),
          ("requests/s", "Requests per second", "more is better"))
LABELS, PANEL, GAP, TOP, BAR, ROW = 172, 250, 24, 118, 11, 46
RATIO_MAX = 2.0  # longer bars are cut, and say so
WIDTH = LABELS + len(PANELS) * (PANEL + GAP)

STYLE = """
  text { font: 12px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; } .heading { font-weight: 600; }
  .small { font-size: 11px; fill: #59636e; }
  .value { font-size: 10px; } .own { fill: #ffffff; } .paper { fill: #ffffff; } .band { fill: #f6f8fa; }
  .one { stroke: #1f2328; } .target { stroke: #cf222e; stroke-width: 2; stroke-dasharray: 3 2; }
  .load-balancer { fill: #0969da; } .nginx { fill: #8c959f; } .haproxy { fill: #d4a72c; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .small { fill: #9198a1; } .paper { fill: #0d1117; } .band { fill: #151b23; }
    .own { fill: #0d1117; } .one { stroke: #f0f6fc; } .target { stroke: #ff7b72; }
    .load-balancer { fill: #4493f8; } .nginx { fill: #656c76; } .haproxy { fill: #9e6a03; }
  }
"""


def ratios(row: Row) -> dict[str, float]:
    """Each proxy's median as a ratio to that of the better peer."""
    medians = {kind: row.cells[kind].median for kind in KINDS if kind in row.cells and row.cells[kind].median}
    best = max if row.metric == "requests/s" else min
    peers = [medians[kind] for kind in PEERS if kind in medians]
    return {kind: value / best(peers) for kind, value in medians.items()} if peers else {}


def target_of(row: Row) -> float | None:
    return float(row.target.split()[1]) if row.target else None


def length(ratio: float) -> float:
    return min(ratio, RATIO_MAX) / RATIO_MAX * PANEL


def bars(row: Row, left: float, top: float) -> list[str]:
    shapes = []
    values = ratios(row)
    for number, kind in enumerate(KINDS):
        y = top + 6 + number * (BAR + 1)
        if kind not in values:
            shapes.append(f'<text class="value" x="{left + 4}" y="{y + 9}">{escape(kind)}: no figure</text>')
            continue
        ratio = values[kind]
        shapes.append(f'<rect class="{kind}" x="{left}" y="{y}" width="{length(ratio):.1f}" height="{BAR}"/>')
        cut = ratio > RATIO_MAX
        if kind == OURSELVES or cut:
            own = " own" if kind == OURSELVES else ""
            shapes.append(f'<text class="value{own}" x="{left + 4}" y="{y + 9}">{ratio:.2f}'
                          f'{" →" if cut else ""}</text>')
    target = target_of(row)
    if target is not None:
        x = left + length(target)
        shapes.append(f'<line class="target" x1="{x:.1f}" x2="{x:.1f}" y1="{top + 3}" y2="{top + ROW - 4}"/>')
    return shapes


def draw(rows: list[Row], machine: dict[str, str]) -> str:
    names = list(dict.fromkeys(row.workload for row in rows if row.metric == "requests/s"))
    height = TOP + ROW * len(names) + 30
    shapes = [f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
              '<text class="title" x="16" y="28">Beside the better of nginx and HAProxy, which is 1</text>',
              f'<text class="small" x="16" y="46">{escape(machine["machine"])}; commit {escape(machine["commit"])}, '
              f'{escape(machine["date"])}</text>']
    x = 16
    for kind in KINDS:
        shapes.append(f'<rect class="{kind}" x="{x}" y="58" width="12" height="12"/>'
                      f'<text x="{x + 17}" y="68">{kind}</text>')
        x += 40 + 8 * len(kind)
    shapes.append(f'<line class="target" x1="{x}" x2="{x}" y1="56" y2="72"/><text x="{x + 8}" y="68">target</text>')
    for number, name in enumerate(names):
        top = TOP + number * ROW
        if number % 2 == 0:
            shapes.append(f'<rect class="band" y="{top}" width="{WIDTH}" height="{ROW}"/>')
        title = next(row.title for row in rows if row.workload == name)
        shapes.append(f'<text x="{LABELS - 12}" y="{top + ROW / 2 + 4}" text-anchor="end">{escape(title)}</text>')
    for number, (start, heading, better) in enumerate(PANELS):
        left = LABELS + number * (PANEL + GAP)
        shapes.append(f'<text class="heading" x="{left}" y="{TOP - 22}">{heading}</text>'
                      f'<text class="small" x="{left}" y="{TOP - 8}">{better}</text>')
        for position, name in enumerate(names):
            for row in rows:
                if row.workload == name and row.metric.startswith(start):
                    shapes += bars(row, left, TOP + position * ROW)
        x, bottom = left + length(1), TOP + ROW * len(names)
        shapes.append(f'<line class="one" x1="{x}" x2="{x}" y1="{TOP}" y2="{bottom}"/>')
        for mark in (0, 0.5, 1, 1.5, 2):
            shapes.append(f'<text class="small" x="{left + length(mark)}" y="{bottom + 16}" text-anchor="middle">'
                          f'{mark:g}</text>')
    body = "\n".join(shapes)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}">\n<style>{STYLE}</style>\n{body}\n</svg>\n')
