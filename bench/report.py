"""From raw rounds to medians, ratios and marks; as a table for the terminal, Markdown and JSON."""

import dataclasses
import json
import statistics

from proxies import BEFORE, OURSELVES, PEERS
from workloads import IDLE, MANY_BACKENDS, Workload

FLAT_TARGET = 1.10
IDLE_TARGET_KIB = 2.0
P99_SAMPLES = 100
ERROR, TOO_SLOW = "ERROR", "–"  # in place of a figure
CPU_GOAL, CPU_GOAL_FROM = 0.75, 0.90  # what to keep working towards where the target is 0.90


@dataclasses.dataclass(frozen=True)
class Metric:
    title: str
    phase: str
    field: str
    more_is_better: bool = False
    digits: int = 0
    scale: float = 1.0
    samples_needed: int = 0
    # None: no target. Else as a ratio to the better peer; `against` names another yardstick.
    target: float | None = None
    against: tuple[str, ...] = PEERS


LOAD_METRICS = [
    Metric("requests/s", "closed", "requests_per_second", more_is_better=True, target=1.0),
    Metric("CPU µs/request", "closed", "cpu_us", digits=1),  # its target is the workload's
    Metric("p50 µs", "fixed", "p50"),
    Metric("p99 µs", "fixed", "p99", samples_needed=P99_SAMPLES, target=1.0),
    Metric("p99.9 µs", "fixed", "p999", samples_needed=1000),
    Metric("system calls/request", "calls", "calls", digits=2),
    Metric("resident MiB", "closed", "rss_kib", digits=1, scale=1 / 1024, target=1.0, against=("haproxy",)),
]
IDLE_METRICS = [
    Metric("KiB per idle connection", "idle", "per_connection_kib", digits=2),
    Metric("the same, right away", "idle", "per_connection_at_once_kib", digits=2),
    Metric("resident MiB with all of them", "idle", "settled_kib", digits=1, scale=1 / 1024, target=1.0,
           against=("haproxy",)),
]


@dataclasses.dataclass(frozen=True)
class Cell:
    """The median of one metric of one proxy. Without `median` there is none, and `text` says why."""
    text: str
    median: float | None = None
    rounds: tuple[float, ...] = ()


@dataclasses.dataclass
class Row:
    workload: str
    title: str
    metric: str
    cells: dict[str, Cell]
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    yardstick: str = ""
    target: str = ""
    mark: str = ""


def errors_of(rounds: list[dict]) -> list[str]:
    return [error for one in rounds for error in one.get("errors", [])]


def cell(metric: Metric, rounds: list[dict]) -> Cell:
    """Any error in any round spoils the cell: a proxy that fails quickly must not look fast."""
    if not rounds:
        return Cell("")
    if errors_of(rounds):
        return Cell(ERROR)
    if any("skipped" in one for one in rounds):
        return Cell(TOO_SLOW)
    if any(one.get("samples", metric.samples_needed) < metric.samples_needed for one in rounds):
        return Cell("few")
    values = tuple(one[metric.field] * metric.scale for one in rounds)
    median = statistics.median(values)
    return Cell(f"{median:,.{metric.digits}f}", median, values)


def compare(row: Row, metric: Metric, target: float | None) -> None:
    """Sets the ratio of our median to the better yardstick's, its spread over the rounds, and the mark. A build from
    before is the only yardstick where there is one, and has no target."""
    against = metric.against
    if BEFORE in row.cells:
        against, target = (BEFORE,), None
    row.target = "" if target is None else f"{'≥' if metric.more_is_better else '≤'} {target:.2f}"
    ours = row.cells.get(OURSELVES)
    if ours is None:
        return
    if ours.median is None:
        row.mark = "" if not row.target else "missed" if ours.text in (ERROR, TOO_SLOW) else "not measured"
        return
    best = max if metric.more_is_better else min
    peers = {kind: row.cells[kind] for kind in against if kind in row.cells and row.cells[kind].median}
    if not peers:
        row.mark = "not measured" if row.target else ""
        return
    row.yardstick = best(peers, key=lambda kind: peers[kind].median)
    peer = peers[row.yardstick]
    row.ratio = ours.median / peer.median
    if len(ours.rounds) == len(peer.rounds) > 1 and all(peer.rounds):
        each = [mine / theirs for mine, theirs in zip(ours.rounds, peer.rounds)]
        row.spread = min(each), max(each)
    if target is not None:
        shown = round(row.ratio, 2)  # what the table says is what counts
        met = shown >= target if metric.more_is_better else shown <= target
        row.mark = "met" if met else "missed"


def rows_of_load(workload: Workload, results: dict[str, dict]) -> list[Row]:
    rows = []
    for metric in LOAD_METRICS:
        row = Row(workload.name, workload.title, metric.title,
                  {kind: cell(metric, phases.get(metric.phase, [])) for kind, phases in results.items()})
        if not any(one.text for one in row.cells.values()):
            continue
        is_cpu = metric.field == "cpu_us"
        compare(row, metric, workload.cpu_target if is_cpu else metric.target)
        if is_cpu and row.target and workload.cpu_target == CPU_GOAL_FROM:
            row.target += f" (goal {CPU_GOAL:.2f})"
            if row.mark == "met" and row.ratio <= CPU_GOAL:
                row.mark = "met, goal too"
        rates = {one["rate"] for phases in results.values() for one in phases.get("fixed", []) if "rate" in one}
        if metric.phase == "fixed" and rates:
            row.metric += f" at {rates.pop():,.0f}/s"
        rows.append(row)
    return rows


def rows_of_idle(results: dict[str, dict]) -> list[Row]:
    rows = []
    counts = {one["connections"] for phases in results.values() for one in phases["idle"] if "connections" in one}
    title = f"{max(counts, default=0):,} idle connections"
    for metric in IDLE_METRICS:
        row = Row(IDLE, title, metric.title, {kind: cell(metric, phases["idle"]) for kind, phases in results.items()})
        compare(row, metric, metric.target)
        ours = row.cells.get(OURSELVES)
        if metric.field == "per_connection_kib" and ours is not None:
            row.target = f"≤ {IDLE_TARGET_KIB:g} KiB"
            row.mark = "met" if ours.median is not None and round(ours.median, 2) <= IDLE_TARGET_KIB else "missed"
        rows.append(row)
    return rows


def row_of_flatness(results: dict[str, dict]) -> list[Row]:
    """CPU per request before 1,000 backends, as a ratio to that before 2: of each proxy to itself."""
    metric = Metric("", "", "cpu_us")
    cells = {}
    for kind, rounds in results.items():
        few, many = cell(metric, rounds["few"]), cell(metric, rounds["many"])
        if few.median is None or many.median is None:
            cells[kind] = Cell(ERROR)
            continue
        ratios = tuple(b / a for a, b in zip(few.rounds, many.rounds))
        cells[kind] = Cell(f"{statistics.median(ratios):.2f}", statistics.median(ratios), ratios)
    ours = cells.get(OURSELVES)
    mark = ""
    if ours is not None:
        mark = "met" if ours.median is not None and round(ours.median, 2) <= FLAT_TARGET else "missed"
    return [Row("flat", f"{MANY_BACKENDS:,} backends to 2", "CPU/request as a ratio", cells,
                target=f"≤ {FLAT_TARGET:.2f}", mark=mark)]


def ratio_text(row: Row) -> str:
    if row.ratio is None:
        return ""
    spread = f" ({row.spread[0]:.2f}–{row.spread[1]:.2f})" if row.spread else ""
    return f"{row.ratio:.2f}{spread} {row.yardstick}"


def lines_for_terminal(rows: list[Row], kinds: list[str]) -> list[str]:
    lines = [f"{rows[0].title:32}" + "".join(f"{kind:>14}" for kind in kinds) + f"  {'ratio (rounds) to':32} target"]
    for row in rows:
        lines.append(f"  {row.metric:30}" + "".join(f"{row.cells[kind].text:>14}" for kind in kinds) +
                     f"  {ratio_text(row):32} {row.target} {row.mark.upper() if row.mark == 'missed' else row.mark}")
    return lines


def markdown(rows: list[Row], kinds: list[str], machine: dict, notes: list[str], errors: list[str]) -> str:
    text = ["# What each proxy costs", ""]
    text += [f"- {name}: {value}" for name, value in machine.items()]
    text += [f"- {note}" for note in notes]
    yardstick = "the build from before" if BEFORE in kinds else "the better of nginx and HAProxy"
    text += ["", f"Medians over the rounds. The ratio is ours to {yardstick} (in brackets: lowest "
             "and highest round); bench/README.md says how each figure is measured.", ""]
    if errors:
        text += ["## ERRORS", ""] + [f"- {error}" for error in errors] + [""]
    text += [f"| workload | | {' | '.join(kinds)} | ratio | target | |",
             "|---|---|" + "---:|" * len(kinds) + "---|---|---|"]
    last = ""
    for row in rows:
        cells = " | ".join(row.cells[kind].text for kind in kinds)
        mark = f"**{row.mark}**" if row.mark == "missed" else row.mark
        text.append(f"| {row.title if row.title != last else ''} | {row.metric} | {cells} | {ratio_text(row)} | "
                    f"{row.target} | {mark} |")
        last = row.title
    met, missed = (sum(row.mark.startswith(word) for row in rows) for word in ("met", "missed"))
    text += ["", f"{met} targets met, {missed} missed, {len(errors)} errors."]
    return "\n".join(text) + "\n"


def plain(rows: list[Row]) -> list[dict]:
    """The rows for JSON, without what the raw rounds say already."""
    return [{"workload": row.workload, "metric": row.metric, "ratio": row.ratio, "spread": row.spread,
             "yardstick": row.yardstick, "target": row.target, "mark": row.mark,
             "medians": {kind: one.median for kind, one in row.cells.items()}} for row in rows]


def as_json(value, depth: int = 0) -> str:
    """A line for each round and each row: what is deeper than they are, and what holds nothing else, is not broken up."""
    entries = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if depth == 5 or not any(isinstance(entry, (dict, list)) for entry in entries):
        return json.dumps(value)
    depth_of = (lambda entry: 5) if depth == 1 and isinstance(value, list) else (lambda entry: depth + 1)
    names = [json.dumps(name) + ": " for name in value] if isinstance(value, dict) else [""] * len(entries)
    lines = [" " * (depth + 1) + name + as_json(entry, depth_of(entry)) for name, entry in zip(names, entries)]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + "\n" + ",\n".join(lines) + "\n" + " " * depth + closing
