// Files that are no TOML: each mistake has its place, and a sentence that says what to write.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "config/load.hpp"

namespace lb::config {
namespace {

struct Case {
  std::string text;
  std::string place;
  std::string message;  // its beginning
};

TEST(ConfigSyntax, mistakes_are_told_in_the_words_of_their_writer) {
  const std::string quote = "the text does not end with its line; is a closing quote missing?";
  const std::string again = " is given a second time";
  const std::string rest = "nothing but a comment may follow a value";
  const std::string no_value = "this is no value: neither a number";
  const std::string escape = "what follows the backslash is no escape";
  const std::string sign = "a \"=\" is missing";
  const std::vector<Case> cases{
      {"[server]\naddress = \"abc\n", "2:15", quote},
      {"[server]\naddress = 'a\n", "2:13", quote},
      {"[server]\naddress = \"\"\"a\n", "2:", quote},
      {"[server]\n\"port = 1\n", "2:10", quote},
      {"[server]\naddress = \"\\\"\n", "2:14", "a backslash before a quote"},
      {"[server]\naddress = \"a\\qb\"\n", "2:14", escape},
      {"[log]\naccess_file = \"C:\\Users\"\n", "2:20", escape},
      {"[health]\ninterval \"2m\"\n", "2:10", sign},
      {"[server]\nport\n", "2:5", sign},
      {"[server]\nmy port = 1\n", "2:4", "a key has no spaces"},
      {"[server]\nport: 3030\n", "2:5", "a key and its value are joined by \"=\", not by a colon"},
      {"server {\n port 1\n}\n", "1:8", "a section is written [name]"},
      {"[server]\nport = 1\nport = 2\n", "3:8", "port" + again},
      {"[server]\n[log]\n[server]\n", "3:1", "[server] is there already"},
      {"server.port = 1\n[server]\n", "2:1", "[server] is there already"},
      {"server.port = 1\nserver.port.x = 2\n", "2:8", "the key before the dot has a value already"},
      {"server = 1\n[server]\n", "2:1", "server has a value already"},
      {"[[backends]]\nurl = \"a\"\n[backends]\n", "3:1", "backends is a list; write [[backends]]"},
      {"backends = []\n[[backends]]\n", "2:1", "backends is there already"},
      {"[server]\nport = [1 2]\n", "2:11", "the list that began with \"[\" is not closed"},
      {"[server]\nport = [1,\n2\n[log]\n", "4:1", "the list that began with \"[\" is not closed"},
      {"[server]\ntimeouts = { header = \"1s\"\n", "2:27", "a table in braces ends in the line"},
      {"[server]\ntimeouts = { header = \"1s\", }\n", "2:29", "no comma may stand before the closing brace"},
      {"[server\nport = 1\n", "1:8", "the name of a section ends with \"]\""},
      {"[[backends]\nurl = \"a\"\n", "1:12", "the name of a section ends with \"]]\""},
      {"[ser ver]\n", "1:6", "the name of a section ends with \"]\", and has no spaces"},
      {"[]\n", "1:2", "a section needs a name"},
      {"[server] port = 1\n", "1:10", "nothing but a comment may follow a section's name"},
      {"[server]]\n", "1:9", "nothing but a comment may follow a section's name"},
      {"[server.]\n", "1:9", "a part of the key is missing"},
      {"[server]\nport. = 1\n", "2:7", "a part of the key is missing"},
      {"[server]\nport = \n", "2:8", "there is no value behind the \"=\""},
      {"[server]\nport = ]\n", "2:8", "there is no value behind the \"=\""},
      {"[server]\nport == 1\n", "2:7", no_value},
      {"[server]\nport = 1;\n", "2:9", no_value},
      {"[server]\nport = )\n", "2:8", no_value},
      {"[server]\nport = 0x\n", "2:10", no_value},
      {"[server]\nport = 1.\n", "2:10", no_value},
      {"[server]\nport = yes\n", "2:8", no_value},
      {"[server]\nport = True\n", "2:8", no_value},
      {"[server]\nport = null\n", "2:9", no_value},
      {"[server]\nport = 2024-13-40\n", "2:15", no_value},
      {"[server]\nport = 12:99:00\n", "2:13", no_value},
      {"[server]\nport = 01\n", "2:10", "a number does not begin with 0"},
      {"[server]\nport = 99999999999999999999\n", "2:28", "the number is too large"},
      {"[server]\nport = 1,\n", "2:9", rest},
      {"[server]\nport = 1 threads = 2\n", "2:10", rest},
      {"[server]\naddress = \"a\" \"b\"\n", "2:15", rest},
      {"[health]\ninterval = 2m\n", "2:13", "this is no value; text needs quotes: interval = \"2m\""},
      {"[health]\ninterval = 2 m\n", "2:14", "this is no value; text needs quotes: interval = \"2 m\""},
      {"[log]\naccess_file = /var/log/x # y\n", "2:15",
       "this is no value; text needs quotes: access_file = \"/var/log/x\""},
      {"[admin]\ntoken = s3cret\n", "2:9", "this is no value; text needs quotes: token = \"***\""},
      {"// hello\n", "1:1", "a comment begins with \"#\""},
      {"; hello\n", "1:1", "a comment begins with \"#\""},
      {"{\"server\": {\"port\": 1}}\n", "1:1", "this is another format; the file is TOML"},
      {"[server]\n= 1\n", "2:1", "there is no key before the \"=\""},
      {"[server]\nport = 1\rthreads = 2\n", "2:10", "a carriage return stands alone"},
      {"[server]\nport = 30\x01\n", "2:10", "the control character \\x01 is not allowed"},
      {"[server]\nport = 30\xFF\n", "2:10", "only comments may contain characters beyond ASCII"},
      {"[[backends]]\nurl = \xE2\x80\x9Chttp://a:1\xE2\x80\x9D\n", "2:7", "this quote is one of printed text"},
  };
  for (const Case& one : cases) {
    const Checked<Config> loaded = load_text(one.text, "x.toml");
    ASSERT_FALSE(loaded) << one.text;
    const std::string said = render(loaded.errors().front());
    EXPECT_TRUE(said.starts_with("x.toml:" + one.place)) << one.text << said;
    EXPECT_NE(said.find(": " + one.message), std::string::npos) << one.text << said;
    EXPECT_EQ(said.find("parsing"), std::string::npos) << one.text << said;
    EXPECT_EQ(said.find("s3cret"), std::string::npos) << said;
    EXPECT_FALSE(loaded.errors().front().excerpt.text.empty()) << one.text;
  }
}

}  // namespace
}  // namespace lb::config
