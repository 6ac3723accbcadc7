#!/usr/bin/env python3
"""Holds the JSON Schema against the files of config/, against wrong ones, and against what the binary itself takes.

    tests/schema/check.py BINARY

Needs python3-jsonschema.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib
import unittest

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ROOT / "config" / "load-balancer.schema.json"
BINARY = ""

# Arrays of tables, with what each table has to have.
ARRAYS = {
    "backends": {"url": '"http://host-{}"'},
    "listeners": {"port": "{}"},
    "certificates": {"certificate": '"{}.pem"', "key": '"{}.key"'},
}

SCHEMA = json.loads(KEPT.read_text(encoding="ascii"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# What somebody may write for a value, right for some keys and wrong for others.
VALUES = [
    0, 1, 5, 50, 100, 256, 1024, 65535, 65536, 1000001, -1, 1.5, True, [], {}, "", "0", "5", "1ms", "250ms", "10s",
    "10 s", "1.5s", "1m30s", "1h0m0.25s", "30s1m", "10S", "10d", "1s ", "s", "0s", "0B", "1KiB", "64 kib", "1.5MB",
    "64K", "1KiB2B", "::", "127.0.0.1", "fe80::1%eth0", "localhost", "http://a:80", "a", "[::1]:81", "https://a",
    "http://a/b", "http://a?b", "http://u@a", "http://a:x", "http://a b", "GET", "get", "ABCDEFGHIJKLMNOPQRSTU", "/",
    "/healthz?a=%20", "/a b", "/a#b", "200", "200-299, 401", "2xx", "200-", "99", "600", "tcp", "http", "htpp", "info",
    "warn", "off", "json", "peak-ewma", "round-robin", "client", "header:X-User", "cookie:", "query:a b", False,
    "x" * 1024, "x" * 1025, ["127.0.0.1:53", "[::1]:53", "::1"], ["a"], [1], "1.2", "1.3", ["a.b"], ["10.0.0.0/8", "::1"],
    "a@b", "accept", "v2", "require", "\n",
]


def run(*arguments):
    """(exit status, standard output, standard error) of the binary."""
    ended = subprocess.run([BINARY, *arguments], capture_output=True, text=True, check=False, timeout=60)
    return ended.returncode, ended.stdout, ended.stderr


def keys(schema=SCHEMA, path=()):
    """(path, schema) of each key; those of a backend begin with "backends"."""
    for name, below in schema["properties"].items():
        if below["type"] == "object":
            yield from keys(below, (*path, name))
        elif below["type"] == "array" and "properties" in below["items"]:
            yield from keys(below["items"], (*path, name))
        else:
            yield (*path, name), below


def toml_value(value):
    """JSON strings, numbers and words mean the same in TOML, but for pairs of UTF-16."""
    return json.dumps(value).replace(r"\ud83d\ude00", r"\U0001f600")


def required(array, number, but=""):
    """The lines of the keys that a table of the array has to have."""
    return "".join(f"{key} = {form.format(number)}\n" for key, form in ARRAYS[array].items() if key != but)


def file_with(path, value):
    """A file whose one value is at the path, as text. Its last line is that value's."""
    line = f"{path[-1]} = {toml_value(value)}\n"
    backends = f"[[backends]]\n{required('backends', 1)}"
    if len(path) == 1:
        return line + backends
    if path[0] not in ARRAYS:
        return f"{backends}[{'.'.join(path[:-1])}]\n{line}"
    return ("" if path[0] == "backends" else backends) + f"[[{path[0]}]]\n{required(path[0], 2, but=path[1])}{line}"


def complaints(text):
    """The schema's, about a file."""
    return [error.message for error in VALIDATOR.iter_errors(tomllib.loads(text))]


class Schema(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, text, name="x.toml"):
        path = self.folder / name
        path.write_text(text, encoding="ascii")
        return str(path)

    def test_it_is_a_schema_and_the_binary_prints_it(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        self.assertEqual((0, KEPT.read_text(encoding="ascii"), ""), run("-print-schema"))

    def test_every_key_has_a_description_and_a_default_that_is_valid(self):
        for path, schema in keys():
            with self.subTest(path=path):
                self.assertIn("Allowed: ", schema["description"])
                if path[-1] in ARRAYS.get(path[0], {}):
                    continue
                jsonschema.Draft202012Validator(schema).validate(schema["default"])

    def test_the_files_of_config_are_valid(self):
        files = sorted((ROOT / "config").glob("*.toml"))
        self.assertGreaterEqual(len(files), 1)
        for path in [*files, *(ROOT / "docker").glob("*.toml")]:
            with self.subTest(path=path.name):
                self.assertEqual([], complaints(path.read_text(encoding="utf-8")))

    def test_the_example_names_the_schema_beside_it(self):
        first = (ROOT / "config" / "load-balancer.toml").read_text(encoding="ascii").splitlines()[0]
        self.assertEqual("#:schema ./" + KEPT.name, first)

    def test_wrong_files_are_refused_by_the_schema_and_by_the_binary(self):
        for text in (
                '[[backends]]\nurl = "http://a"\nwieght = 1\n',
                "[[backends]]\nweight = 1\n",
                '[[backends]]\nurl = "http://a/api"\n',
                'backends = ["http://a"]\n',
                'backends = "http://a"\n',
                '[backends]\nurl = "http://a"\n',
                "prot = 1\n",
                "server = 3\n",
                '[[health]]\ninterval = "1s"\n',
                "[sever]\nport = 1\n",
                "[server]\nprot = 1\n",
                "[server]\nport = 65536\n",
                '[server]\nport = "80"\n',
                "[server.timeouts]\nheader = 10\n",
                '[server.timeouts]\nheader = "10"\n',
                "[server.timeouts]\nheader = 0\n",
                '[server.limits]\nbody_bytes = "1K"\n',
                '[server]\n"server.port" = 1\n',
                '[log]\nlevel = "warn"\n',
        ):
            with self.subTest(text=text):
                self.assertNotEqual([], complaints(text))
                status, _, errors = run("-print-config", "-config", self.write(text))
                self.assertEqual(2, status)
                self.assertRegex(errors, r"x\.toml:\d+:\d+: ")

    def test_nothing_that_the_binary_takes_is_refused_by_the_schema(self):
        """Each key with each value. The binary names every wrong key, so that one run tries a value with all of them."""
        taken, refused = {}, {}
        for value in VALUES:
            lines, where = [], {}
            for path, _ in sorted(keys(), key=lambda key: key[0][0] in ARRAYS):
                if path[0] in ARRAYS:
                    lines.append(f"[[{path[0]}]]")
                    lines += required(path[0], 10_000 + len(lines), but=path[1]).splitlines()
                # Dotted, for a section may be written only once.
                lines.append(f"{'.'.join(path[path[0] in ARRAYS:])} = {toml_value(value)}")
                where[len(lines)] = path
            _, _, errors = run("-print-config", "-config", self.write("\n".join(lines) + "\n"))
            wrong = {int(line) for line in re.findall(r"x\.toml:(\d+):\d+: ", errors)}
            self.assertNotIn("more mistakes", errors)
            for line, path in where.items():
                is_wrong = line in wrong
                (refused if is_wrong else taken).setdefault(path, []).append(value)
                found = complaints(file_with(path, value))
                if not is_wrong:
                    self.assertEqual([], found, f"{path} takes {value!r}")
        for path, _ in keys():
            self.assertTrue(taken.get(path), f"{path} took nothing")
            self.assertTrue(refused.get(path), f"{path} refused nothing")

    def test_what_the_schema_lets_pass_wrongly_is_known(self):
        """Beyond the grammar there are ranges of durations and sizes, which a pattern cannot hold."""
        for path, value in ((("server", "timeouts", "header"), "25h"), (("retry", "body_bytes"), "1GiB")):
            self.assertEqual([], complaints(file_with(path, value)))
            self.assertEqual(2, run("-print-config", "-config", self.write(file_with(path, value)))[0])

    def test_what_is_printed_of_a_file_with_every_key_is_valid_and_says_the_same(self):
        """Every key away from its default. Numbers are tried first: a text with a unit is no number, and so on."""
        wanted = {}
        for path, schema in keys():
            valid = jsonschema.Draft202012Validator(schema).is_valid
            values = (7, "7s", "7KiB", ["127.0.0.1:54"], "127.0.0.1", "::1", "http", "off", "text", "OPTIONS", "204", "/x", "shop:1", "http://[::1]:81",
                      True, False, "prequal", "host")
            wanted[path] = next((value for value in values if valid(value) and value != schema.get("default")), None)
        wanted["backends", "url"] = "http://[::1]:81"
        wanted["proxy_protocol",] = wanted["listeners", "proxy_protocol"] = "off"
        wanted["tls", "min_version"] = "1.3"
        wanted["tls", "client_certificates"] = "optional"
        wanted["acme", "domains"] = ["a.b"]
        wanted["acme", "email"] = "a@b"
        wanted["acme", "directory"] = "https://a"
        wanted["server", "trusted_proxies"] = ["10.0.0.0/8"]
        for path in wanted:
            if path[-1] in ("certificate", "key", "ca", "client_ca", "storage"):
                wanted[path] = "/x"
        wanted["health", "body"] = '\u0000 "\\" \u00e4 \U0001f600'
        self.assertEqual(len(list(keys())), len(wanted))
        del wanted["admin", "token"]  # both together are refused
        wanted["admin", "token_file"] = self.write("a-token-of-some-length\n", "token")
        self.assertEqual([], [path for path, value in wanted.items() if value is None])
        lines = [f"{'.'.join(path)} = {toml_value(value)}" for path, value in wanted.items() if path[0] not in ARRAYS]
        for array in ARRAYS:
            lines += [f"[[{array}]]"]
            lines += [f"{path[1]} = {toml_value(value)}" for path, value in wanted.items() if path[0] == array]
        path = self.write("\n".join(lines) + "\n")
        status, printed, errors = run("-print-config", "-config", path)
        self.assertEqual((0, ""), (status, errors))
        self.assertNotIn("# default", printed)
        self.assertNotIn("a-token", printed)
        self.assertEqual([], complaints(printed))
        found = tomllib.loads(printed)
        for key, value in wanted.items():
            table = found
            for name in key[:-1]:
                table = table[name][0] if name in ARRAYS else table[name]
            hidden = key == ("balance", "sticky_secret")
            self.assertEqual("***" if hidden else value, table[key[-1]], key)
        status, again, errors = run("-print-config", "-config", self.write(printed, "printed.toml"))
        self.assertEqual((0, ""), (status, errors))
        self.assertEqual(found, tomllib.loads(again))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    BINARY = sys.argv.pop(1)
    unittest.main()
