// The line with the mistake in it: where the caret goes, and what is never shown.
#include "config/excerpt.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "config/explain.hpp"
#include "config/load.hpp"

namespace lb::config {
namespace {

// The excerpt as two lines.
std::string shown(std::string_view line, std::size_t begin, std::size_t length) {
  const Excerpt excerpt = make_excerpt(line, begin, length);
  return excerpt.text + '\n' + std::string(excerpt.column, ' ') + std::string(excerpt.width, '^');
}

// Marks the first `part` of the line.
std::string shown(std::string_view line, std::string_view part) {
  return shown(line, line.find(part), part.size());
}

std::string explained(std::string_view text) {
  return explain(load_text(text, "x.toml").errors(), Colour::off);
}

TEST(ConfigExcerpt, the_marks_stand_below_their_part) {
  EXPECT_EQ(shown("port = 70000", "70000"), "port = 70000\n       ^^^^^");
  EXPECT_EQ(shown("port = 70000", "port"), "port = 70000\n^^^^");
  EXPECT_EQ(shown("", 0, 0), "\n^");
}

TEST(ConfigExcerpt, a_place_without_length_is_one_caret) {
  EXPECT_EQ(shown("a,,b", 2, 0), "a,,b\n  ^");
  EXPECT_EQ(shown("port = ", 7, 1), "port = \n       ^");
}

TEST(ConfigExcerpt, a_place_behind_the_end_is_the_end) {
  EXPECT_EQ(shown("ab", 100, 100), "ab\n  ^");
  EXPECT_EQ(shown("ab", 1, std::string_view::npos), "ab\n ^");
}

TEST(ConfigExcerpt, a_tab_is_four_spaces_in_the_line_and_below_it) {
  EXPECT_EQ(shown("\tport\t= x", "x"), "    port    = x\n              ^");
  EXPECT_EQ(shown("a\tb", "\t"), "a    b\n ^^^^");
}

// Goal: the caret is right below letters that take several bytes, or two columns. Method: umlauts, Chinese, an emoji.
TEST(ConfigExcerpt, the_caret_counts_columns_and_not_bytes) {
  EXPECT_EQ(shown("gr\xC3\xB6\xC3\x9F"
                  "er x",
                  "x"),
            "gr\xC3\xB6\xC3\x9F"
            "er x\n       ^");
  EXPECT_EQ(shown("\xE5\xA4\xA7 x", "x"), "\xE5\xA4\xA7 x\n   ^");
  EXPECT_EQ(shown("\xF0\x9F\x98\x80 x", "x"), "\xF0\x9F\x98\x80 x\n   ^");
  EXPECT_EQ(shown("a \xE5\xA4\xA7 b", "\xE5\xA4\xA7"), "a \xE5\xA4\xA7 b\n  ^^");
}

// Goal: nobody takes over the terminal. Method: control characters, invalid UTF-8, and what changes the direction of
// writing, joins letters or has no width.
TEST(ConfigExcerpt, what_a_terminal_would_not_print_is_escaped) {
  EXPECT_EQ(shown("a\x1B[2J x", "x"), "a\\x1b[2J x\n         ^");
  EXPECT_EQ(shown(std::string_view("a\0b", 3), "b"), "a\\x00b\n     ^");
  EXPECT_EQ(shown("\xFF\xC3 x", "x"), "\\xff\\xc3 x\n         ^");
  EXPECT_EQ(shown("\xC2\x9B x", "x"), "\\xc2\\x9b x\n         ^");               // CSI in one character
  EXPECT_EQ(shown("\xE2\x80\xAE x", "x"), "\\xe2\\x80\\xae x\n             ^");  // right to left
  EXPECT_EQ(shown("a\xCC\x88 x", "x"), "a\\xcc\\x88 x\n          ^");            // combining diaeresis
  EXPECT_EQ(shown("a\x7F", "\x7F"), "a\\x7f\n ^^^^");
}

TEST(ConfigExcerpt, a_long_line_is_cut_around_the_place) {
  const std::string line = std::string(1000, 'a') + "HERE" + std::string(1000, 'b');
  EXPECT_EQ(shown(line, "HERE"),
            "..." + std::string(60, 'a') + "HERE" + std::string(96, 'b') + "...\n" + std::string(63, ' ') + "^^^^");
  EXPECT_EQ(shown(line, 0, 3), std::string(100, 'a') + "...\n^^^");
  EXPECT_EQ(shown(line, line.size(), 0), "..." + std::string(60, 'b') + '\n' + std::string(63, ' ') + '^');
  EXPECT_EQ(make_excerpt(line, 1000, 1004).width, 100U);
}

TEST(ConfigExcerpt, a_line_that_just_fits_is_not_cut) {
  const std::string line = std::string(63, 'a') + std::string(103, 'b');
  EXPECT_EQ(make_excerpt(line, 63, 1).text, line);
}

// Goal: a cut leaves no half of a character, which would look like a mistake. Method: every offset of a cut.
TEST(ConfigExcerpt, a_cut_does_not_split_a_character) {
  std::string line;
  for (int i = 0; i < 200; ++i) line += "\xE5\xA4\xA7";
  for (std::size_t place = 0; place + 3 <= line.size(); place += 3) {
    for (const std::string_view ascii : {"", "x", "xx"}) {
      const Excerpt excerpt = make_excerpt(std::string(ascii) + line, place + ascii.size(), 3);
      EXPECT_EQ(excerpt.text.find("\\x"), std::string::npos) << place << ascii;
      EXPECT_EQ(excerpt.width, 2U);
    }
  }
}

TEST(ConfigExcerpt, passwords_are_not_shown) {
  EXPECT_EQ(shown("url = \"http://me:secret@a:0\"", "0"), "url = \"http://***@a:0\"\n                    ^");
  EXPECT_EQ(shown("url = \"http://me:secret@a\"", "me:secret@"), "url = \"http://***@a\"\n              ^^^^");
  for (const std::string_view line :
       {"url = 'me:secret@a'", "url = 'http://me:a secret, @\\'@a'", "url = http://me:my secret@a", "url=me:secret@a",
        "x = ['http://b', 'http://me:secret@c'] # ask me@d", "me:secret@", "'http://me:secret@b,http://me:secret@c'",
        "-backends http://a:80,http://me:secret@b", "http://me:p@secret@a"}) {
    for (std::size_t place = 0; place <= line.size(); ++place) {
      const Excerpt excerpt = make_excerpt(line, place, 1);
      EXPECT_EQ(excerpt.text.find("secret"), std::string::npos) << excerpt.text;
      EXPECT_NE(excerpt.text.find("***"), std::string::npos) << excerpt.text;
      EXPECT_LE(excerpt.column, excerpt.text.size());
    }
  }
  EXPECT_EQ(make_excerpt("a = 1 # ask me@b", 0, 1).text, "a = 1 # ask ***@b");
  EXPECT_EQ(make_excerpt("-backends http://a:80,b@c", 0, 1).text, "-backends http://a:80,***@c");
}

TEST(ConfigExcerpt, the_token_is_not_shown) {
  EXPECT_EQ(shown("token = \"sec ret\"", "sec"), "token = ***\n        ^^^");
  for (const std::string_view line : {"token = secret", "admin.token='secret' # secret", "\"token\" = \"secret\"",
                                      "admin = { port = 1, token = \"secret\" }", "token: secret", "token =secret@a",
                                      "admin = { token_file = \"x\", token = \"secret\" }"}) {
    for (std::size_t place = 0; place <= line.size(); ++place) {
      const Excerpt excerpt = make_excerpt(line, place, 1);
      EXPECT_EQ(excerpt.text.find("secret"), std::string::npos) << excerpt.text;
    }
  }
  EXPECT_EQ(make_excerpt("token", 0, 1).text, "token");
  EXPECT_EQ(make_excerpt("tokens = 1", 0, 1).text, "tokens = 1");
}

// Goal: a secret that the cut goes through stays one. Method: a long one, marked behind it and in it.
TEST(ConfigExcerpt, a_long_password_is_not_shown_in_part) {
  const std::string line = "url = \"http://" + std::string(500, 's') + "@host:0\"";
  EXPECT_EQ(make_excerpt(line, line.size() - 2, 1).text, "...***@host:0\"");
  EXPECT_EQ(make_excerpt(line, 250, 1).text, "...***...");
}

TEST(ConfigExcerpt, any_bytes_end_in_bounded_printable_text) {
  std::uint32_t state = 1;
  const auto next = [&] { return state = state * 1664525U + 1013904223U; };
  for (int i = 0; i < 20'000; ++i) {
    std::string line(next() % 400, ' ');
    for (char& c : line) c = static_cast<char>(next() >> 24U);
    const Excerpt excerpt = make_excerpt(line, next() % 500, next() % 500);
    EXPECT_LE(excerpt.text.size(), 1000U);
    EXPECT_GE(excerpt.width, 1U);
    EXPECT_TRUE(
        std::ranges::none_of(excerpt.text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }));
  }
}

TEST(ConfigExcerpt, lines_are_found_by_number) {
  constexpr std::string_view kText = "one\r\n\ntwo\nthree";
  EXPECT_EQ(line_of(kText, 1), "one");
  EXPECT_EQ(line_of(kText, 2), "");
  EXPECT_EQ(line_of(kText, 3), "two");
  EXPECT_EQ(line_of(kText, 4), "three");
  EXPECT_EQ(line_of(kText, 5), "");
  EXPECT_EQ(line_of("", 1), "");
}

// Goal: what a person sees. Method: golden texts for each kind of place.
TEST(ConfigExplain, mistakes_of_a_file_show_their_lines) {
  EXPECT_EQ(explained("[server]\n\tport = 70000 # high\r\nthreads = 1\n\n\n\n\n\n\n[log]\nlevel = \"warn\""),
            "x.toml:2:9: server.port: 70000 is not a whole number between 0 and 65535\n"
            "  2 |     port = 70000 # high\n"
            "    |            ^^^^^\n"
            "x.toml:11:9: log.level: \"warn\" is not one of trace, debug, info, warning, error, off; did you mean "
            "warning?\n"
            "  11 | level = \"warn\"\n"
            "     |         ^^^^^^\n");
}

TEST(ConfigExplain, the_wrong_part_of_a_url_is_marked) {
  const auto marks = [](const std::string& value) {
    const std::string text = explained("[[backends]]\nurl = " + value);
    return text.substr(text.find("  2 | "));
  };
  EXPECT_EQ(marks("\"http://backend1:80800/\""),
            "  2 | url = \"http://backend1:80800/\"\n"
            "    |                        ^^^^^\n");
  EXPECT_EQ(marks("'''htps://a'''"), "  2 | url = '''htps://a'''\n    |          ^^^^\n");
  EXPECT_EQ(marks("'http://a/api'"), "  2 | url = 'http://a/api'\n    |                ^^^^\n");
  EXPECT_EQ(marks("'http://a:'"), "  2 | url = 'http://a:'\n    |                 ^\n");
  EXPECT_EQ(marks("'a b'"), "  2 | url = 'a b'\n    |         ^\n");
  EXPECT_EQ(marks("''"), "  2 | url = ''\n    |       ^^\n");
  // Written with escapes, the value is not what stands there: all of it is marked.
  EXPECT_EQ(marks("\"http://\\u0061/api\""), "  2 | url = \"http://\\u0061/api\"\n    |       ^^^^^^^^^^^^^^^^^^^\n");
}

TEST(ConfigExplain, keys_sections_and_missing_keys_are_marked) {
  EXPECT_EQ(explained("[[backends]]\nweight = 1\n[sever]\n[log]\nlevle = 1\n"),
            "x.toml:1:1: backends.url: is missing; write url = \"http://host[:port]\"\n"
            "  1 | [[backends]]\n"
            "    | ^^^^^^^^^^^^\n"
            "x.toml:3:2: sever: unknown section; did you mean [server]?\n"
            "  3 | [sever]\n"
            "    |  ^^^^^\n"
            "x.toml:5:1: log.levle: unknown key; did you mean log.level?\n"
            "  5 | levle = 1\n"
            "    | ^^^^^\n");
}

TEST(ConfigExplain, a_value_of_several_lines_is_marked_to_the_end_of_its_first) {
  EXPECT_EQ(explained("[health]\npath = '''x\ny'''\n"),
            "x.toml:2:8: health.path: \"x\\x0ay\" is not a path; write a path such as \"/healthz\"\n"
            "  2 | path = '''x\n"
            "    |        ^^^^\n");
}

TEST(ConfigExplain, syntax_errors_say_what_to_write) {
  EXPECT_EQ(explained("[log]\nlevel = info # it\n"),
            "x.toml:2:12: this is no value; text needs quotes: "
            "level = \"info\"\n"
            "  2 | level = info # it\n"
            "    |            ^\n");
  EXPECT_NE(explained("[health]\ninterval: 10s").find("; text needs quotes: interval = \"10s\"\n"), std::string::npos);
  EXPECT_NE(explained("health.path = /x").find("; text needs quotes: health.path = \"/x\"\n"), std::string::npos);
  EXPECT_NE(explained("[[backends]]\nurl = http://me:secret@a").find("url = \"http://***@a\"\n"), std::string::npos);
  EXPECT_NE(explained("[log]\nlevel = \"info\n").find("; is a closing quote missing?\n  2 | level = \"info\n"),
            std::string::npos);
  EXPECT_NE(explained("[admin]\ntoken = secret").find("; text needs quotes: token = \"***\"\n"), std::string::npos);
  EXPECT_EQ(explained("[admin]\ntoken = secret").find("secret"), std::string::npos);
  // No text: quotes would not help.
  EXPECT_EQ(explained("[server]\nport = 80;").find("quotes"), std::string::npos);
  EXPECT_EQ(explained("[log]\nlevel = \n").find("quote"), std::string::npos);
}

TEST(ConfigExplain, hostile_texts_are_shown_harmlessly) {
  EXPECT_EQ(explained(std::string_view("# gr\xC3\xBC\xC3\x9F"
                                       "e \x1B[2J",
                                       13)),
            "x.toml:1:11: the control character \\x1b is not allowed; is this a text file?\n"
            "  1 | # gr\xC3\xBC\xC3\x9F"
            "e \\x1b[2\n"
            "    |         ^^^^\n");
  EXPECT_EQ(explained("\xEF\xBB\xBFport = \xE2\x80\x9C"
                      "80\xE2\x80\x9D"),
            "x.toml:1:8: this quote is one of printed text, which word processors put in; write \" or '\n"
            "  1 | port = \xE2\x80\x9C"
            "80\xE2\x80\x9D\n"
            "    |        ^\n");
  const std::string long_line = "a = '" + std::string(kFileBytesMax - 100, 'x') + "'";
  EXPECT_LT(explained(long_line).size(), 400U);
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += 'k' + std::to_string(i) + " = '" + std::string(20, '@') + "'\n";
  const std::string all = explained(many);
  EXPECT_LT(all.size(), 100 * 1000U);
  EXPECT_TRUE(all.ends_with("x.toml: 19900 more mistakes\n"));
}

TEST(ConfigExplain, an_argument_has_no_number_and_no_bar) {
  const ConfigErrors errors{{.key = "-port", .message = "\"x\" is wrong", .excerpt = make_excerpt("-port x", 6, 1)},
                            {.key = "-prot", .message = "unknown flag"}};
  EXPECT_EQ(explain(errors, Colour::off),
            "-port: \"x\" is wrong\n"
            "  -port x\n"
            "        ^\n"
            "-prot: unknown flag\n");
}

TEST(ConfigExplain, colours_change_nothing_but_colours) {
  const ConfigErrors errors = load_text("[server]\nprot = 1\n", "x.toml").errors();
  EXPECT_EQ(explain(errors, Colour::on),
            "\x1B[1mx.toml:2:1: server.prot: \x1B[0munknown key; did you mean server.port?\n"
            "  \x1B[2m2 | \x1B[0mprot = 1\n"
            "   \x1B[2m | \x1B[0m\x1B[1;31m^^^^\x1B[0m\n");
}

}  // namespace
}  // namespace lb::config
