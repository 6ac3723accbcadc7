"""How scripts/bench reads its tools, and what it makes of the figures: errors are never a good result."""

import json
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

import measuring  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import workloads  # noqa: E402

WORKLOAD = workloads.Workload("1k-64", "1 KiB", cpu_target=0.90)
STRACE = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.600000           6    100000           sendto
 40.00    0.400000           4    100100        50 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    1.000000           5    200100        50 total
"""


def closed(cpu, rate=1000.0, rss=1000, errors=()):
    return {"errors": list(errors), "requests_per_second": rate, "cpu_us": cpu, "rss_kib": rss}


def phases(*rounds):
    return {"closed": list(rounds)}


def row(results, metric):
    return next(one for one in report.rows_of_load(WORKLOAD, results) if one.metric.startswith(metric))


def wrk(**more):
    counts = {"requests": 100, "bytes": 3 << 20, "seconds": 2.0, "not 2xx": 0, "refused": 0} | more
    return "some text\n" + str(counts).replace("'", '"') + "\n"


class Tools(unittest.TestCase):
    def test_wrk_counts_whole_requests(self):
        self.assertEqual((100, 50.0, []), measuring.parse_wrk(wrk()))

    def test_wrk_counts_parts_of_large_answers(self):
        self.assertEqual((3, 1.5, []), measuring.parse_wrk(wrk(requests=1), 1 << 20))

    def test_every_failed_request_is_an_error(self):
        self.assertEqual(["1 requests were not 2xx"], measuring.parse_wrk(wrk(**{"not 2xx": 1}))[2])
        self.assertEqual(["7 requests were refused"], measuring.parse_wrk(wrk(refused=7))[2])

    def test_nothing_measured_is_an_error(self):
        self.assertEqual(["not one request was answered"], measuring.parse_wrk(wrk(requests=0))[2])
        for output in ("", "unable to connect to 127.0.0.1:1 Connection refused\n", "{}\n", "12\n"):
            self.assertEqual(1, len(measuring.parse_wrk(output)[2]), output)

    def test_strace_table_is_read_with_and_without_errors(self):
        self.assertEqual({"sendto": 100000, "recvfrom": 100100}, measuring.parse_strace(STRACE))


class Judgement(unittest.TestCase):
    def test_ratio_is_to_the_better_peer(self):
        cpu = row({"load-balancer": phases(closed(20.0)), "nginx": phases(closed(25.0)),
                   "haproxy": phases(closed(40.0))}, "CPU")
        self.assertEqual(("nginx", 0.8, "met"), (cpu.yardstick, cpu.ratio, cpu.mark))
        rate = row({"load-balancer": phases(closed(1, 90)), "nginx": phases(closed(1, 80)),
                    "haproxy": phases(closed(1, 100))}, "requests/s")
        self.assertEqual(("haproxy", 0.9, "missed"), (rate.yardstick, rate.ratio, rate.mark))

    def test_a_third_peer_sets_no_standard(self):
        cpu = row({"load-balancer": phases(closed(20.0)), "nginx": phases(closed(25.0)),
                   "caddy": phases(closed(1.0))}, "CPU")
        self.assertEqual("nginx", cpu.yardstick)

    def test_memory_is_measured_against_haproxy(self):
        memory = row({"load-balancer": phases(closed(1, rss=900)), "nginx": phases(closed(1, rss=100)),
                      "haproxy": phases(closed(1, rss=1000))}, "resident")
        self.assertEqual(("haproxy", 0.9, "met"), (memory.yardstick, memory.ratio, memory.mark))

    def test_targets_are_the_workloads_own(self):
        for cpu, mark in ((90.4, "met"), (90.6, "missed"), (75.0, "met, goal too")):
            found = row({"load-balancer": phases(closed(cpu)), "nginx": phases(closed(100.0))}, "CPU")
            self.assertEqual(mark, found.mark, cpu)

    def test_a_build_from_before_is_the_only_yardstick(self):
        results = {"load-balancer": phases(closed(21.0)), "nginx": phases(closed(10.0)), "before": phases(closed(20.0))}
        found = row(results, "CPU")
        self.assertEqual(("before", 1.05, "", ""), (found.yardstick, found.ratio, found.target, found.mark))
        self.assertIn("ratio is ours to the build from before", report.markdown([found], list(results), {}, [], []))

    def test_medians_over_rounds_and_the_spread_of_their_ratios(self):
        cpu = row({"load-balancer": phases(closed(8), closed(50), closed(9)),
                   "nginx": phases(closed(10), closed(100), closed(10))}, "CPU")
        self.assertEqual((0.9, (0.5, 0.9)), (cpu.ratio, cpu.spread))

    def test_one_error_in_one_round_spoils_the_figure(self):
        cpu = row({"load-balancer": phases(closed(1), closed(1, errors=["1 requests were not 2xx"])),
                   "nginx": phases(closed(100), closed(100))}, "CPU")
        self.assertEqual(("ERROR", None, "missed"), (cpu.cells["load-balancer"].text, cpu.ratio, cpu.mark))

    def test_a_peer_with_errors_is_no_yardstick(self):
        cpu = row({"load-balancer": phases(closed(80)), "nginx": phases(closed(1, errors=["died"])),
                   "haproxy": phases(closed(100))}, "CPU")
        self.assertEqual(("haproxy", "ERROR"), (cpu.yardstick, cpu.cells["nginx"].text))

    def test_too_few_samples_give_no_percentile(self):
        results = {kind: {"fixed": [{"errors": [], "rate": 10.0, "samples": 99, "p50": 1, "p99": 1, "p999": 1}]}
                   for kind in ("load-balancer", "nginx")}
        self.assertEqual(("few", "not measured"), (row(results, "p99 ").cells["nginx"].text, row(results, "p99 ").mark))
        self.assertEqual("1", row(results, "p50").cells["nginx"].text)

    def test_too_slow_for_the_fixed_rate_is_missed(self):
        results = {"load-balancer": {"fixed": [{"errors": [], "skipped": "cannot keep up"}]},
                   "nginx": {"fixed": [{"errors": [], "rate": 10.0, "samples": 100, "p50": 1, "p99": 1, "p999": 1}]}}
        found = row(results, "p99 ")
        self.assertEqual(("–", "1", "missed"), (*[found.cells[kind].text for kind in results], found.mark))

    def test_cost_must_stay_flat(self):
        for many, mark in ((109.0, "met"), (112.0, "missed")):
            results = {"load-balancer": {"few": [closed(100.0)], "many": [closed(many)]}}
            self.assertEqual([mark], [one.mark for one in report.row_of_flatness(results)])

    def test_cost_is_flat_by_rounds(self):
        few, many = [closed(cpu) for cpu in (100.0, 200.0, 10.0)], [closed(cpu) for cpu in (105.0, 216.0, 11.0)]
        row = report.row_of_flatness({"load-balancer": {"few": few, "many": many}})[0]
        self.assertEqual("1.08", row.cells["load-balancer"].text)
        broken = report.row_of_flatness({"load-balancer": {"few": few, "many": [{"errors": ["it died"]}] * 3}})[0]
        self.assertEqual(("ERROR", "missed"), (broken.cells["load-balancer"].text, broken.mark))

    def test_idle_connections_have_two_kib(self):
        for each, mark in ((2.0, "met"), (2.1, "missed")):
            rounds = [{"errors": [], "connections": 10, "per_connection_kib": each, "per_connection_at_once_kib": 9.0,
                       "settled_kib": 5000}]
            self.assertEqual(mark, report.rows_of_idle({"load-balancer": {"idle": rounds}})[0].mark)


class Output(unittest.TestCase):
    results = {"load-balancer": phases(closed(1, errors=["died <midway>"])), "nginx": phases(closed(30)),
               "haproxy": phases(closed(10))}
    machine = {"machine": "A & B", "commit": "c", "date": "d"}

    def test_document_says_errors_first(self):
        text = report.markdown(report.rows_of_load(WORKLOAD, self.results), list(self.results), self.machine, [],
                               ["died"])
        self.assertIn("## ERRORS\n\n- died\n", text)
        self.assertIn("0 targets met, 3 missed, 1 errors.", text)

    def test_picture_shows_what_is_missing_and_what_is_cut(self):
        picture = plot.draw(report.rows_of_load(WORKLOAD, self.results), self.machine)
        self.assertIn("load-balancer: no figure", picture)
        self.assertIn("3.00 →", picture)
        self.assertIn("A &amp; B", picture)

    def test_file_of_results_is_the_same_data_with_a_line_for_each_round(self):
        everything = {"notes": ["a", "b"], "rows": [{"ratio": 1.5, "spread": [1, 2]}, {"ratio": None}],
                      "results": {"1k": {"load-balancer": {"closed": [{"errors": [], "x": 1}, {"errors": [], "x": 2}]}}}}
        text = report.as_json(everything)
        self.assertEqual(everything, json.loads(text))
        self.assertIn('{"errors": [], "x": 1},\n', text)
        self.assertIn('{"ratio": 1.5, "spread": [1, 2]},\n', text)


if __name__ == "__main__":
    unittest.main()
