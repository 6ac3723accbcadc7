"""What came of a scenario: counts, verdict, tables."""

import collections
import json
import pathlib
from dataclasses import dataclass, field

from balancers import CONNECT_MS, MIB
from scenarios import Scenario

# What malloc may keep of a burst for the next one. A connection that leaks costs a descriptor as well, which the
# descriptors show exactly; a leak of 1 KiB a request is over this after some thousand requests.
MEMORY_GROWTH_KIB = 4 * MIB
# An answer that nobody can be reached: as long as one connection attempt may take, and what a busy machine adds.
QUICK_S = CONNECT_MS / 1000 + 1.0


@dataclass
class Report:
    balancer: str
    scenario: Scenario
    seed: str
    counts: collections.Counter = field(default_factory=collections.Counter)
    slowest: float = 0.0  # seconds, of the answers that came
    memory: tuple[int, int] = (0, 0)  # KiB, before and after
    descriptors: tuple[int, int] = (0, 0)
    remarks: list[str] = field(default_factory=list)  # what led to the verdict
    examples: list[str] = field(default_factory=list)  # requests behind them

    @property
    def passed(self) -> bool:
        return not self.remarks

    def judge(self) -> None:
        counts, scenario = self.counts, self.scenario
        if counts["sent"] == 0 or counts["answered"] == 0:
            self.remarks.append("nothing was answered: the scenario shows nothing")
        for outcome in ("failed", "silent", "wrong", "doubled"):
            if counts[outcome]:
                self.remarks.append(f"{counts[outcome]} {outcome}")
        for outcome, allowed in (("cut", scenario.cuts), ("refused", scenario.refuses),
                                 ("unavailable", scenario.outages)):
            if counts[outcome] and not allowed:
                self.remarks.append(f"{counts[outcome]} {outcome}, for which there is no reason here")
        # Two bad backends may each do their first harm to the same request, and until then they served all others well.
        if counts["blamed"] > 1:
            self.remarks.append(f"{counts['blamed']} blamed: one such accident is possible, hardly two")
        if scenario.outages and not counts["unavailable"]:
            self.remarks.append("no request met the outage: the scenario shows nothing")
        if self.descriptors[1] != self.descriptors[0]:
            self.remarks.append(f"descriptors went from {self.descriptors[0]} to {self.descriptors[1]}")
        if self.memory[1] - self.memory[0] > MEMORY_GROWTH_KIB:
            self.remarks.append(f"memory grew by more than {MEMORY_GROWTH_KIB} KiB")


def in_outage(result: list, outages: list[tuple[float, float]]) -> bool:
    started, ended = result[3], result[4]
    return any(started < end and ended > begin for begin, end in outages)


def collect(report: Report, folder: pathlib.Path, outages: list[tuple[float, float]]) -> None:
    """Counts what the load saw, against what the backends recorded."""
    runs, posts = {}, collections.Counter()
    for path in sorted(folder.glob("*.record")):
        for line in path.read_text(encoding="ascii").splitlines():
            request_id, method, run, body = line.split(" ")
            runs[run] = request_id
            if method == "POST":
                posts[request_id] += 1
            if body != "ok":
                report.counts["wrong"] += 1
                report.examples.append(f"{request_id} {method}: run {run} got another body than the client sent")
    for request_id, count in posts.items():
        if count > 1:
            report.counts["doubled"] += 1
            where = ", ".join(run for run, ran in runs.items() if ran == request_id)
            report.examples.append(f"{request_id} POST ran {count} times: {where}")
    for line in (folder / "load.results").read_text(encoding="utf-8").splitlines():
        result = json.loads(line)
        request_id, method, outcome, started, ended, run, status, detail = result
        if outcome == "answered":
            report.slowest = max(report.slowest, ended - started)
            if runs.get(run) != request_id:
                outcome, detail = "wrong", f"no backend has recorded the run {run} of this request"
        if outcome == "failed" and status in (502, 503, 504) and in_outage(result, outages):
            outcome = "unavailable"
            if ended - started > QUICK_S:
                outcome, detail = "failed", f"{detail}: told only after {ended - started:.2f} s that nobody is there"
        report.counts["sent"] += 1
        report.counts[outcome] += 1
        if outcome in ("failed", "silent", "wrong", "blamed") or (outcome == "cut" and not report.scenario.cuts) or (
                outcome == "refused" and not report.scenario.refuses):
            report.examples.append(f"{request_id} {method} {outcome} at {started:.3f} after "
                                   f"{(ended - started) * 1000:.0f} ms: {status} {detail} {run}")


HEADER = ("scenario", "sent", "answered", "failed", "silent", "wrong", "doubled", "refused", "blamed", "unavail.", "cut",
          "aborted", "slowest", "memory KiB", "fds", "verdict")
WIDTHS = (14, 6, 8, 6, 6, 5, 7, 7, 6, 8, 5, 7, 8, 15, 9, 7)


def print_header() -> None:
    print("  ".join(f"{name:<{width}}" for name, width in zip(HEADER, WIDTHS)), flush=True)


def print_row(report: Report) -> None:
    counts = report.counts
    cells = [report.scenario.name, *(counts[name] for name in (
        "sent", "answered", "failed", "silent", "wrong", "doubled", "refused", "blamed", "unavailable", "cut", "aborted")),
        f"{report.slowest * 1000:.0f} ms", "{} > {}".format(*report.memory), "{} > {}".format(*report.descriptors),
        "passed" if report.passed else "FAILED: " + "; ".join(report.remarks)]
    print("  ".join(f"{cell!s:<{width}}" for cell, width in zip(cells, WIDTHS)), flush=True)


def markdown(columns: dict[str, list[Report]], versions: dict[str, str], command: str) -> str:
    """The tables of docs/faults.md: a row for each scenario, a column for each balancer."""
    kinds = list(columns)
    lines = [f"`{command}`, seed `{columns[kinds[0]][0].seed}`, with " + ", ".join(versions[kind] for kind in kinds) + ".",
             ""]

    def table(title: str, cell) -> None:
        lines.extend((f"**{title}**", "", "| scenario | " + " | ".join(kinds) + " |", "|---|" + "---|" * len(kinds)))
        for row in zip(*columns.values()):
            lines.append(f"| `{row[0].scenario.name}` | " + " | ".join(cell(report) for report in row) + " |")
        lines.append("")

    def faults(report: Report) -> str:
        counts = report.counts
        figures = [f"**{counts[name]} {name}**" for name in ("failed", "silent", "wrong", "doubled") if counts[name]]
        return (", ".join(figures) or "0") + f" of {counts['sent']}"

    def others(report: Report) -> str:
        counts = report.counts
        return ", ".join(f"{counts[name]} {name}" for name in ("refused", "blamed", "unavailable", "cut", "aborted")
                         if counts[name]) or "none"

    def resources(report: Report) -> str:
        return (f"{report.slowest * 1000:.0f} ms; {report.memory[0]} > {report.memory[1]} KiB; "
                f"{report.descriptors[0]} > {report.descriptors[1]}")

    table("Failed, silent, wrong or doubled, which must be 0, of requests sent", faults)
    table("What could not be served, and may not be", others)
    table("Slowest answer; memory and descriptors before > after", resources)
    return "\n".join(lines)
