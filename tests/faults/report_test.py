"""Shows that each verdict of scripts/test-faults bites, and that the innocent pass."""

import json
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

from report import Report, collect  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402


def remarks(results, records, name="client-aborts", outages=(), **more):
    """The verdict on what clients saw (id, method, outcome, run, status) and backends recorded (lines)."""
    report = Report("load-balancer", SCENARIOS[name], "1", **more)
    with tempfile.TemporaryDirectory() as path:
        folder = pathlib.Path(path)
        (folder / "b1.record").write_text("".join(line + "\n" for line in records), encoding="ascii")
        lines = (json.dumps([request, method, outcome, 10.0, 10.1, run, status, ""])
                 for request, method, outcome, run, status in results)
        (folder / "load.results").write_text("\n".join(lines), encoding="utf-8")
        collect(report, folder, list(outages))
    report.judge()
    return report.remarks


GOOD = ("1", "GET", "answered", "b1.7.1", 200)
RAN = "1 GET b1.7.1 ok"


class Verdicts(unittest.TestCase):
    def test_pass_what_is_right(self):
        self.assertEqual([], remarks([GOOD, ("2", "GET", "aborted", "", 0)], [RAN]))

    def test_a_failed_a_silent_and_a_wrong_answer_fail(self):
        for outcome in ("failed", "silent", "wrong"):
            self.assertEqual([f"1 {outcome}"], remarks([GOOD, ("2", "PUT", outcome, "", 502)], [RAN]))

    def test_one_request_may_be_blamed_for_what_two_backends_did(self):
        results = [GOOD, ("2", "GET", "blamed", "", 502), ("3", "GET", "blamed", "", 502)]
        self.assertEqual([], remarks(results[:2], [RAN]))
        self.assertEqual(["2 blamed: one such accident is possible, hardly two"], remarks(results, [RAN]))

    def test_a_post_that_ran_twice_fails_and_a_put_may(self):
        twice = ["2 POST b1.7.2 ok", "2 POST b2.8.1 ok"]
        self.assertEqual(["1 doubled"], remarks([GOOD], [RAN, *twice]))
        self.assertEqual([], remarks([GOOD], [RAN] + [line.replace("POST", "PUT") for line in twice]))

    def test_an_answer_that_no_backend_gave_to_this_request_is_wrong(self):
        self.assertEqual(["1 wrong"], remarks([GOOD, ("2", "GET", "answered", "b1.7.1", 200)], [RAN]))

    def test_a_body_that_arrived_changed_is_wrong(self):
        self.assertEqual(["1 wrong"], remarks([GOOD], [RAN, "2 PUT b1.7.2 bad"]))

    def test_cuts_and_refusals_need_a_reason(self):
        for outcome, allowed in (("cut", "truncates"), ("refused", "hangs")):
            results = [GOOD, ("2", "POST", outcome, "", 502)]
            self.assertEqual([f"1 {outcome}, for which there is no reason here"], remarks(results, [RAN]))
            self.assertEqual([], remarks(results, [RAN], allowed))

    def test_being_unavailable_needs_an_outage_at_that_time(self):
        results = [GOOD, ("2", "GET", "failed", "", 502)]
        self.assertEqual([], remarks(results, [RAN], "all-down", [(9.0, 11.0)]))
        self.assertIn("1 failed", remarks(results, [RAN], "all-down", [(11.0, 12.0)]))

    def test_a_load_that_was_never_answered_shows_nothing(self):
        self.assertEqual(1, len(remarks([], [])))

    def test_descriptors_and_memory_have_to_come_back(self):
        self.assertEqual(["descriptors went from 16 to 17"], remarks([GOOD], [RAN], descriptors=(16, 17)))
        self.assertEqual(["memory grew by more than 4096 KiB"], remarks([GOOD], [RAN], memory=(1000, 5097)))


if __name__ == "__main__":
    unittest.main()
