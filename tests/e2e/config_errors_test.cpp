// What the binary says about a wrong or hostile configuration, and what it prints of a right one.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "support/process.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

// A pipe holds 64 KiB: what a reader does not keep up with must not be much more than that.
constexpr std::size_t kErrBytesMax = 64 * 1024;

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Standard error of a run that has to end with status 2, and printed nothing else.
std::string refusal(const std::vector<std::string>& flags) {
  const Finished finished = run_binary(flags);
  EXPECT_EQ(finished.status, 2) << finished.err;
  EXPECT_EQ(finished.out, "");
  EXPECT_LT(finished.err.size(), kErrBytesMax);
  for (const char c : finished.err) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << finished.err;
  return finished.err;
}

std::string refusal_of(std::string_view text) {
  const TemporaryDirectory directory;
  return refusal({"-check", "-config", directory.write("x.toml", text)});
}

// Goal: each mistake shows its line with a caret. Method: the whole text for a file, and for a list of backends.
TEST(ConfigErrors, mistakes_show_line_and_caret) {
  const TemporaryDirectory directory;
  const std::string path =
      directory.write("bad.toml", "[[backends]]\nurl = \"http://backend1:80800\"\n[health]\n\tcheck = \"htpp\"\n");
  EXPECT_EQ(refusal({"-config", path}),
            path +
                ":2:7: backends.url: \"http://backend1:80800\" has the port \"80800\", which is not a whole number "
                "between 1 and 65535; write http://host[:port]\n"
                "  2 | url = \"http://backend1:80800\"\n"
                "    |                        ^^^^^\n" +
                path +
                ":4:10: health.check: \"htpp\" is not one of tcp, http; did you mean http?\n"
                "  4 |     check = \"htpp\"\n"
                "    |             ^^^^^^\n");
  EXPECT_EQ(refusal({"-backends", "http://a:1,http://b:2,http://c:3/api"}),
            "-backends: \"http://c:3/api\" has the path \"/api\"; a path prefix is not supported yet; write "
            "http://host[:port]\n"
            "  -backends http://a:1,http://b:2,http://c:3/api\n"
            "                                            ^^^^\n");
}

// Goal: whatever stands in a file, the answer is a short and harmless text. Method: one file of each kind.
TEST(ConfigErrors, hostile_files_are_refused_in_a_few_printable_lines) {
  EXPECT_TRUE(contains(refusal_of("[server]\nprot = 1"), ":2:1: server.prot: unknown key"));  // no final newline
  EXPECT_TRUE(contains(refusal_of("[server]\r\nprot = 1\r\n"), "\n  2 | prot = 1\n    | ^^^^\n"));
  EXPECT_TRUE(contains(refusal_of(std::string_view("a = \"\0\"", 7)), ":1:6: the control character \\x00"));
  EXPECT_TRUE(contains(refusal_of("[server]\naddress = \"\xFF\xFE\"\n"), ":2:12: only comments may contain"));
  EXPECT_TRUE(contains(refusal_of("\xEF\xBB\xBFport = 1\n"), ":1:1: port: unknown key; did you mean server.port?"));
  EXPECT_TRUE(contains(refusal_of("\xFF\xFE[\0s\0]\0"), ":1:1: only comments may contain"));  // UTF-16
  EXPECT_TRUE(contains(refusal_of("\x7F"
                                  "ELF\x02\x01\x01\x1B[2J"),
                       ":1:1: the control character \\x7f is not allowed; is this a text file?"));
  EXPECT_TRUE(contains(refusal_of(""), "there are no backends"));
}

TEST(ConfigErrors, one_line_of_a_mebibyte_is_shown_in_part) {
  const std::string many_keys = "[server]\na = { x = '" + std::string(1024 * 1024 - 100, 'x') + "' }\n";
  const std::string one = refusal_of(many_keys);
  EXPECT_TRUE(contains(one, ":2:1: server.a: unknown section"));
  EXPECT_LT(one.size(), 1000U);
  std::string many_mistakes = "[server]\nlimits = { ";
  for (int i = 0; i < 50'000; ++i) many_mistakes += 'k' + std::to_string(i) + " = '@', ";
  const std::string all = refusal_of(many_mistakes + "z = 1 }\n");
  EXPECT_TRUE(all.ends_with(": 49901 more mistakes\n")) << all.substr(all.size() - 100);
}

TEST(ConfigErrors, very_many_mistakes_are_counted) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += 'k' + std::to_string(i) + " = 1\n";
  EXPECT_TRUE(refusal_of(text).ends_with("x.toml: 49900 more mistakes\n"));
  EXPECT_TRUE(refusal({"-backends", std::string(1000, ',')}).ends_with("\n901 more mistakes\n"));
  EXPECT_TRUE(refusal(std::vector<std::string>(1000, "stray")).ends_with("\n900 more mistakes\n"));
}

TEST(ConfigErrors, what_is_no_readable_file_is_named) {
  const TemporaryDirectory directory;
  const std::string folder = std::filesystem::path(directory.write("x", "")).parent_path();
  EXPECT_EQ(refusal({"-config", folder}), folder + ": is a directory; name a file\n");
  const std::string loop = folder + "/loop.toml";
  std::filesystem::create_symlink("loop.toml", loop);
  EXPECT_EQ(refusal({"-config", loop}), loop + ": cannot be read: Too many levels of symbolic links\n");
  EXPECT_EQ(refusal({"-config", "/proc/self/mem"}), "/proc/self/mem: cannot be read: Input/output error\n");
  EXPECT_EQ(refusal({"-config", folder + "/none.toml"}), folder + "/none.toml: there is no such file\n");
}

// Goal: what is in force can be seen, and kept. Method: a file and a flag; what is printed is read again.
TEST(ConfigPrinting, values_in_force_with_their_origins_read_back) {
  const TemporaryDirectory directory;
  const std::string path = directory.write(
      "my.toml",
      "[server]\nport = 1\nthreads = 2\n\n[[backends]]\nurl = \"http://a\"\n[health]\nbody = \"\\u00e4\\\"\"\n");
  const Finished printed = run_binary({"-print-config", "-config", path, "-port", "2"});
  EXPECT_EQ(printed.status, 0);
  EXPECT_EQ(printed.err, "");
  EXPECT_TRUE(contains(printed.out, "\nport = 2                                # -port\n")) << printed.out;
  EXPECT_TRUE(contains(printed.out, "\nthreads = 2                             # " + path + ":3\n")) << printed.out;
  EXPECT_TRUE(contains(printed.out, "\nurl = \"http://a\"                        # " + path + ":6\n")) << printed.out;
  EXPECT_TRUE(contains(printed.out, "\nbody = \"\\u00e4\\\"\"                       # " + path + ":8\n"))
      << printed.out;
  EXPECT_TRUE(contains(printed.out, "\nlevel = \"info\"                          # default\n")) << printed.out;

  const auto values = [](std::string text) {
    for (std::size_t at = text.find(" # "); at != std::string::npos; at = text.find(" # ", at)) {
      at = text.find_last_not_of(' ', at) + 1;
      text.erase(at, text.find('\n', at) - at);
    }
    return text;
  };
  const Finished again = run_binary({"-print-config", "-config", directory.write("printed.toml", printed.out)});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(values(again.out), values(printed.out));
  EXPECT_FALSE(contains(again.out, "# default")) << again.out;
}

TEST(ConfigPrinting, a_wrong_configuration_is_refused_and_not_printed) {
  EXPECT_TRUE(contains(refusal({"-print-config", "-backends", "a", "-port", "x"}), "-port x\n"));
  EXPECT_TRUE(contains(refusal({"-print-config"}), "there are no backends"));
  EXPECT_TRUE(contains(refusal({"-print-schema", "-port", "x"}), "-port: \"x\""));
}

// Goal: backends that a flag names replace those of the file, in what is printed as well. Method: one of each.
TEST(ConfigPrinting, backends_of_a_flag_replace_those_of_the_file) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("my.toml", "[[backends]]\nurl = \"http://a\"\nweight = 7\n");
  const Finished printed = run_binary({"-print-config", "-config", path, "-backends", "b"});
  EXPECT_TRUE(contains(printed.out, "\nurl = \"http://b\"                        # -backends\n")) << printed.out;
  EXPECT_TRUE(contains(printed.out, "\nweight = 1                              # default\n")) << printed.out;
  EXPECT_FALSE(contains(printed.out, path)) << printed.out;
}

TEST(ConfigPrinting, the_schema_needs_no_configuration) {
  const Finished printed = run_binary({"-print-schema"});
  EXPECT_EQ(printed.status, 0);
  EXPECT_EQ(printed.err, "");
  EXPECT_TRUE(printed.out.starts_with("{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"));
  EXPECT_TRUE(printed.out.ends_with("}\n"));
}

}  // namespace
}  // namespace lb::e2e
