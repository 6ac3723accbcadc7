"""Shows that each rule of tests/tidy/check bites, and that it does not bite the innocent."""

import importlib.machinery
import importlib.util
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
_loader = importlib.machinery.SourceFileLoader("check", str(Path(__file__).with_name("check")))
check = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", _loader))
_loader.exec_module(check)


def findings(files, formatter=None):
    """What check says of a checkout with these files, as "path:line: text"."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return [f"{found.path}:{found.line}: {'warning: ' if found.is_warning else ''}{found.text}"
                for found in check.check(folder, formatter)]


class Layers(unittest.TestCase):
    def test_lets_includes_point_downwards(self):
        self.assertEqual([], findings({
            "src/base/error.cpp": '#include "base/error.hpp"\n',
            "src/http1/client.cpp": '#include "http/a.hpp"\n#include "net/a.hpp"\n#include "base/a.hpp"\n',
            "src/upstream/pool.cpp": '#include "http1/a.hpp"\n#include "balancer/a.hpp"\n#include "net/a.hpp"\n',
            "src/proxy/handler.cpp": '#include "upstream/a.hpp"\n#include "http/a.hpp"\n',
            "src/app/main.cpp": '#include "config/a.hpp"\n#include "proxy/a.hpp"\n#include "app/a.hpp"\n',
        }))

    def test_refuses_includes_that_point_upwards_or_sideways(self):
        for folder, other in [("base", "http"), ("http", "net"), ("balancer", "http"), ("net", "http"),
                              ("config", "net"), ("http1", "upstream"), ("http1", "balancer"), ("upstream", "proxy"),
                              ("upstream", "config"), ("proxy", "config"), ("proxy", "app")]:
            with self.subTest(folder=folder, other=other):
                found = findings({f"src/{folder}/a.cpp": f'// one\n#include "{other}/b.hpp"\n'})
                self.assertEqual(1, len(found))
                self.assertTrue(found[0].startswith(f'src/{folder}/a.cpp:2: "{other}/b.hpp" points upwards'), found)

    def test_refuses_an_unknown_folder(self):
        self.assertIn("'misc' is in no layer", findings({"src/misc/a.cpp": "\n"})[0])
        self.assertIn("is in no layer", findings({"src/a.cpp": "\n"})[0])

    def test_refuses_a_path_that_climbs(self):
        self.assertIn("climbs", findings({"src/http/a.cpp": '#include "../net/a.hpp"\n'})[0])

    def test_takes_no_include_from_a_comment(self):
        self.assertEqual([], findings({"src/base/a.cpp": '// #include "app/b.hpp"\n/*\n#include "app/b.hpp"\n*/\n'}))


class Doors(unittest.TestCase):
    def test_lets_each_library_in_by_its_door(self):
        self.assertEqual([], findings({
            "src/http/h1_parser.cpp": "#include <llhttp.h>\n",
            "src/config/load.cpp": "#include <toml++/toml.h>\n",
            "src/base/log.cpp": "#include <spdlog/spdlog.h>\n",
            "src/net/stream.hpp": "#pragma once\n#include <boost/asio/ip/tcp.hpp>\n",
        }))

    def test_refuses_each_library_elsewhere(self):
        for path, include in [("src/http/h1_parser.hpp", "llhttp.h"), ("src/http1/a.cpp", "llhttp/llhttp.h"),
                              ("src/config/validate.cpp", "toml++/toml.h"), ("src/app/a.cpp", "toml.hpp"),
                              ("src/base/logging.cpp", "spdlog/spdlog.h"), ("src/app/a.cpp", "spdlog/fmt/fmt.h")]:
            with self.subTest(path=path, include=include):
                found = findings({path: f"#pragma once\n#include <{include}>\n"})
                self.assertEqual(1, len(found), found)
                self.assertIn(f"{path}:2: <{include}> is included here", found[0])

    def test_refuses_asio_where_no_io_belongs(self):
        for folder in ("http", "balancer"):
            found = findings({f"src/{folder}/a.cpp": "#include <boost/asio/awaitable.hpp>\n"})
            self.assertIn("does no I/O", found[0])


class Names(unittest.TestCase):
    def test_refuses_each_banned_name(self):
        for code in ["auto t = std::chrono::steady_clock::now();", "auto t = system_clock::now();",
                     "int x = rand();", "int x = std::rand ();", "srand(1);",
                     "std::this_thread::sleep_for(1s);", "usleep(1);", "co_spawn(a, b, asio::detached);",
                     "out << std::endl;", "using namespace std;"]:
            with self.subTest(code=code):
                found = findings({"src/net/a.cpp": f"int a;\n{code}\n"})
                self.assertEqual(1, len(found), found)
                self.assertIn("src/net/a.cpp:2: ", found[0])
                self.assertIn("is banned; ", found[0])

    def test_lets_the_clock_read_the_time(self):
        self.assertEqual([], findings({"src/base/clock.cpp": "auto t = std::chrono::steady_clock::now();\n"}))
        self.assertEqual(1, len(findings({"src/base/clock.cpp": "usleep(1);\n"})))

    def test_lets_tests_use_them(self):
        self.assertEqual([], findings({"tests/e2e/a.cpp": "auto t = std::chrono::steady_clock::now();\n"}))

    def test_reads_neither_comments_nor_text_nor_longer_names(self):
        self.assertEqual([], findings({"src/net/a.cpp": (
            "// not detached, no std::endl\n/* usleep(1) */\n"
            'auto a = "detached"; auto b = R"x(srand(1) " detached)x"; auto c = \'"\'; int d = 10\'000;\n'
            "int operand(int); int e = operand(1); int is_detached_from = 0;\n")}))

    def test_refuses_a_capturing_lambda_inside_a_co_await(self):
        for code in ["auto r = co_await f(a, [this] { g(); });", "co_await f([x = std::move(y)](int z) mutable { g(); });",
                     "co_await f(Options{}, [this] { g(); });", "co_await [this]() -> Awaitable<void> { g(); }();",
                     "co_await f([x = a[0]] { g(); });", "co_await f([this](std::function<void()> h) { h(); });",
                     "co_await f(c ? x : [this] { g(); });", "co_await f(Callback{[this] { g(); }});",
                     "co_await f([this]<class T>(T t) { g(t); });"]:
            with self.subTest(code=code):
                found = findings({"src/net/a.cpp": f"int a;\n{code}\n"})
                self.assertEqual(1, len(found), found)
                self.assertIn("src/net/a.cpp:2: a capturing lambda inside a co_await is banned; ", found[0])

    def test_lets_lambdas_stand_beside_a_co_await(self):
        self.assertEqual([], findings({"src/net/a.cpp": (
            "auto f = [this] { g(); };\nauto r = co_await h(f);\nauto [a, b] = co_await h(c[1], [] { return 1; });\n"
            "if (co_await f()) { run([this] { g(); }); }\n// co_await f([this] { g(); });\n")}))

    def test_sees_code_after_quotes(self):
        found = findings({"src/net/a.cpp": "char a = '\"';\nint b = 10'000; char c = 'x';\nsrand(1);\n"})
        self.assertEqual(1, len(found), found)
        self.assertIn("src/net/a.cpp:3: 'srand(' is banned", found[0])

    def test_refuses_a_todo_without_an_issue(self):
        found = findings({"src/net/a.cpp": "int a;  // TODO: later\n", "tests/unit/a_test.cpp": "// FIXME now\n"})
        self.assertEqual(2, len(found), found)
        self.assertIn("src/net/a.cpp:1: TODO without an issue number", found[0])
        self.assertEqual([], findings({"src/net/a.cpp": "// TODO(#12): later\n// TODO #13 too\n"}))


class Shape(unittest.TestCase):
    def test_refuses_a_header_without_pragma_once(self):
        self.assertIn("src/net/a.hpp:1: no #pragma once", findings({"src/net/a.hpp": "// #pragma once\n"})[0])
        self.assertEqual([], findings({"src/net/a.hpp": "// What it is.\n#pragma once\n"}))

    def test_reads_every_kind_of_source_file(self):
        for name in ("a.cpp", "a.hpp", "a.ipp"):
            self.assertEqual(1, len(findings({f"src/net/{name}": "#pragma once\nsrand(1);\n"})), name)

    def test_warns_of_a_long_file_and_refuses_a_longer_one(self):
        self.assertEqual([], findings({"src/net/a.cpp": "\n" * 400}))
        self.assertIn("warning: 401 lines", findings({"src/net/a.cpp": "\n" * 401})[0])
        self.assertIn("warning: 600 lines", findings({"src/net/a.cpp": "\n" * 600})[0])
        self.assertIn("src/net/a.cpp:601: 601 lines", findings({"src/net/a.cpp": "\n" * 601})[0])

    def test_refuses_a_long_line(self):
        self.assertEqual([], findings({"src/net/a.cpp": "//" + "x" * 118 + "\n"}))
        self.assertIn("src/net/a.cpp:1: 121 columns", findings({"src/net/a.cpp": "//" + "x" * 119 + "\n"})[0])

    @unittest.skipUnless(check.find_formatter(), "clang-format-19 is not installed")
    def test_refuses_what_the_formatter_would_change(self):
        files = {".clang-format": "BasedOnStyle: Google\nColumnLimit: 120\n", "src/net/a.cpp": "int a;\nint   b ;\n"}
        found = findings(files, check.find_formatter())
        self.assertEqual(["src/net/a.cpp:2: 1 lines are not as clang-format has them; --fix mends it"], found)
        files["src/net/a.cpp"] = "int a;\nint b;\n"
        self.assertEqual([], findings(files, check.find_formatter()))


if __name__ == "__main__":
    unittest.main()
