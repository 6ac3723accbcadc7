#include "config/flags.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "config/explain.hpp"
#include "config/flag_table.hpp"
#include "config/load.hpp"

namespace lb::config {
namespace {

CommandLine parse(std::initializer_list<const char*> arguments) {
  std::vector<const char*> argv = {"load-balancer"};
  argv.insert(argv.end(), arguments);
  argv.push_back(nullptr);
  return parse_command_line(static_cast<int>(argv.size()) - 1, argv.data());
}

std::string errors_of(std::initializer_list<const char*> arguments) {
  return render(parse(arguments).errors);
}

std::string load_errors_of(std::initializer_list<const char*> arguments) {
  return render(load_configuration(parse(arguments)).errors());
}

class ConfigMerge : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "lb-flags-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }

  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  std::string write(std::string_view text) {
    const std::string path = (directory_ / "x.toml").string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  std::filesystem::path directory_;
};

TEST(ConfigFlags, one_dash_or_two_and_space_or_equals_are_the_same) {
  for (const CommandLine& line :
       {parse({"-backends", "a"}), parse({"--backends", "a"}), parse({"-backends=a"}), parse({"--backends=a"})}) {
    EXPECT_EQ(render(line.errors), "");
    ASSERT_TRUE(line.backends);
    ASSERT_EQ(line.backends->size(), 1U);
    EXPECT_EQ(line.backends->front().url, "http://a");
  }
}

TEST(ConfigFlags, switches_are_off_unless_given) {
  const CommandLine none = parse({});
  EXPECT_FALSE(none.check || none.demo || none.version || none.help);
  const CommandLine all = parse({"-check", "--demo", "-version=true", "-help"});
  EXPECT_TRUE(all.check && all.demo && all.version && all.help);
  EXPECT_FALSE(parse({"-check=false"}).check);
  EXPECT_TRUE(parse({"-h"}).help);
}

TEST(ConfigFlags, a_list_of_backends_may_have_spaces_around_its_commas) {
  const CommandLine line = parse({"-backends", " http://a:8080 ,b:81,\t[::1] "});
  EXPECT_EQ(render(line.errors), "");
  ASSERT_EQ(line.backends->size(), 3U);
  EXPECT_EQ((*line.backends)[0].url, "http://a:8080");
  EXPECT_EQ((*line.backends)[1].url, "http://b:81");
  EXPECT_EQ((*line.backends)[2].url, "http://[::1]");
}

TEST(ConfigFlags, a_value_may_contain_an_equals_sign_or_start_with_a_dash) {
  EXPECT_EQ(parse({"-config=a=b.toml"}).config_file, "a=b.toml");
  EXPECT_EQ(parse({"-config", "-a.toml"}).config_file, "-a.toml");
}

struct FlagCase {
  std::initializer_list<const char*> arguments;
  std::string_view errors;
};

TEST(ConfigFlags, mistakes_name_the_flag_what_was_found_and_what_is_allowed) {
  for (const FlagCase& c : {
           FlagCase{{"-prot", "80"}, "-prot: unknown flag; did you mean -port?\n"},
           FlagCase{{"--prot=80"}, "-prot: unknown flag; did you mean -port?\n"},
           FlagCase{{"-backend", "a"}, "-backend: unknown flag; did you mean -backends?\n"},
           FlagCase{{"-colour"}, "-colour: unknown flag; -help lists all of them\n"},
           FlagCase{{"-\x1B[2J"}, "-\\x1b[2J: unknown flag; -help lists all of them\n"},
           FlagCase{{"-port", "http"}, "-port: \"http\" is not a whole number between 0 and 65535\n"},
           FlagCase{{"-port", "-5"}, "-port: \"-5\" is not a whole number between 0 and 65535\n"},
           FlagCase{{"-port="}, "-port: \"\" is not a whole number between 0 and 65535\n"},
           FlagCase{{"-port"}, "-port: needs a value: -port NUMBER\n"},
           FlagCase{{"-port", "-check"}, "-port: needs a value: -port NUMBER\n"},
           FlagCase{{"-port", "1", "--port=2"}, "-port: is given more than once\n"},
           FlagCase{{"-check", "-check"}, "-check: is given more than once\n"},
           FlagCase{{"-config="}, "-config: needs a value: -config FILE\n"},
           FlagCase{{"-check=maybe"}, "-check: \"maybe\" is not one of true, false\n"},
           FlagCase{{"-threads", "1025"}, "-threads: \"1025\" is not a whole number between 0 and 1024\n"},
           FlagCase{{"-log-level", "loud"},
                    "-log-level: \"loud\" is not one of trace, debug, info, warning, error, off\n"},
           FlagCase{
               {"-address", "here"},
               "-address: \"here\" is not an IP address; write an IPv4 or IPv6 address, such as \"::\", \"0.0.0.0\" or "
               "\"127.0.0.1\"\n"},
           FlagCase{{"-backends", "a,,b"}, "-backends: \"\" is empty; write http://host[:port]\n"},
           FlagCase{{"-backends", "a,A:80"}, "-backends: http://a:80 is listed twice\n"},
           FlagCase{{"start"}, "\"start\" is not a flag; flags start with a dash, -help lists them\n"},
           FlagCase{{"-"}, "\"-\" is not a flag; flags start with a dash, -help lists them\n"},
           FlagCase{{"--"}, "\"--\" is not a flag; flags start with a dash, -help lists them\n"},
           FlagCase{{""}, "\"\" is not a flag; flags start with a dash, -help lists them\n"},
       }) {
    EXPECT_EQ(errors_of(c.arguments), c.errors);
  }
}

TEST(ConfigFlags, all_mistakes_are_reported_at_once) {
  EXPECT_EQ(errors_of({"-prot", "80", "-port", "x", "-backends", "ftp://a,b:0", "-threads"}),
            "-prot: unknown flag; did you mean -port?\n"
            "-port: \"x\" is not a whole number between 0 and 65535\n"
            "-backends: \"ftp://a\" uses the scheme \"ftp\", which is not supported; write http://host[:port]\n"
            "-backends: \"b:0\" has the port \"0\", which is not a whole number between 1 and 65535; write "
            "http://host[:port]\n"
            "-threads: needs a value: -threads NUMBER\n");
}

std::string explained(std::initializer_list<const char*> arguments) {
  return explain(parse(arguments).errors, Colour::off);
}

// Goal: of many backends, the wrong one is seen. Method: golden texts for the spellings of a flag.
TEST(ConfigFlags, the_wrong_part_of_a_value_is_marked) {
  EXPECT_EQ(explained({"--backends", "http://a:8080,http://b:8081,http://c:80800"}),
            "-backends: \"http://c:80800\" has the port \"80800\", which is not a whole number between 1 and 65535; "
            "write http://host[:port]\n"
            "  --backends http://a:8080,http://b:8081,http://c:80800\n"
            "                                                  ^^^^^\n");
  EXPECT_EQ(explained({"-backends=a,,A"}),
            "-backends: \"\" is empty; write http://host[:port]\n"
            "  -backends=a,,A\n"
            "              ^\n"
            "-backends: http://a is listed twice\n"
            "  -backends=a,,A\n"
            "               ^\n");
  EXPECT_EQ(explained({"-backends", " b:1 ,b:0,"}),
            "-backends: \"b:0\" has the port \"0\", which is not a whole number between 1 and 65535; write "
            "http://host[:port]\n"
            "  -backends \" b:1 ,b:0,\"\n"
            "                     ^\n"
            "-backends: \"\" is empty; write http://host[:port]\n"
            "  -backends \" b:1 ,b:0,\"\n"
            "                       ^\n");
  EXPECT_EQ(explained({"-port="}), "-port: \"\" is not a whole number between 0 and 65535\n  -port=\"\"\n        ^^\n");
  EXPECT_EQ(explained({"-check=maybe", "-bakends", "a"}),
            "-check: \"maybe\" is not one of true, false\n"
            "  -check=maybe\n"
            "         ^^^^^\n"
            "-bakends: unknown flag; did you mean -backends?\n");
  EXPECT_EQ(explained({"-backends", "http://b,http://me:secret@a"}),
            "-backends: \"http://***@a\" has a user name or password (@), which a backend cannot have; write "
            "http://host[:port]\n"
            "  -backends http://b,http://***@a\n"
            "                            ^^^^\n");
}

TEST(ConfigFlags, so_many_mistakes_are_counted_and_not_shown) {
  const std::string commas(2 * kErrorsMax, ',');
  const std::string errors = explained({"-backends", commas.c_str(), "-port", "x"});
  EXPECT_TRUE(errors.ends_with("\n102 more mistakes\n")) << errors;
  EXPECT_EQ(parse({"-backends", commas.c_str()}).errors.size(), kErrorsMax + 1);
}

TEST(ConfigFlags, no_arguments_at_all_are_no_crash) {
  const char* const argv[] = {nullptr};
  EXPECT_EQ(render(parse_command_line(0, argv).errors), "");
}

TEST_F(ConfigMerge, flags_override_the_file_and_the_file_the_defaults) {
  const std::string path = write(R"(
[server]
port = 1000
threads = 2
[[backends]]
url = "http://file"
)");
  const Checked<Config> config = load_configuration(parse({"-config", path.c_str(), "-port=2000", "-backends", "a,b"}));
  ASSERT_TRUE(config) << render(config.errors());
  EXPECT_EQ(config.value().server.port, 2000);
  EXPECT_EQ(config.value().server.threads, 2U);
  EXPECT_EQ(config.value().server.address, "::");
  ASSERT_EQ(config.value().backends.size(), 2U);
  EXPECT_EQ(config.value().backends[0].url, "http://a");
}

TEST_F(ConfigMerge, every_overriding_flag_reaches_its_field) {
  const Checked<Config> config = load_configuration(parse(
      {"-backends=a", "-port=0", "-address=127.0.0.1", "-threads", "3", "-log-level", "debug", "-access-log=json"}));
  ASSERT_TRUE(config) << render(config.errors());
  EXPECT_EQ(config.value().server.port, 0);
  EXPECT_EQ(config.value().server.address, "127.0.0.1");
  EXPECT_EQ(config.value().server.threads, 3U);
  EXPECT_EQ(config.value().log_level, "debug");
  EXPECT_EQ(config.value().access_log, "json");
}

constexpr std::string_view kNoBackends =
    "there are no backends; name them with -backends \"http://host:port,http://host:port\", with [[backends]] in a "
    "file given by "
    "-config, or try -demo\n";

TEST_F(ConfigMerge, zero_backends_is_a_mistake_that_names_the_three_ways) {
  EXPECT_EQ(load_errors_of({}), kNoBackends);
  EXPECT_EQ(load_errors_of({"-port", "80"}), kNoBackends);
  const std::string path = write("[server]\nport = 1\n");
  EXPECT_EQ(load_errors_of({"-config", path.c_str()}), path + ": " + std::string(kNoBackends));
}

TEST_F(ConfigMerge, the_demo_brings_its_own_backends) {
  EXPECT_EQ(load_errors_of({"-demo"}), "");
  const std::string empty = write("[server]\nport = 1\n");
  EXPECT_EQ(load_errors_of({"-demo", "-config", empty.c_str()}), "");
  EXPECT_EQ(load_errors_of({"-demo", "-backends", "a"}),
            "-demo: brings its own backends and -backends names others; choose one\n");
  const std::string path = write("[[backends]]\nurl = \"http://a\"\n");
  EXPECT_EQ(load_errors_of({"-demo", "-config", path.c_str()}),
            "-demo: brings its own backends and " + path + " names others; choose one\n");
}

TEST_F(ConfigMerge, mistakes_of_flags_and_file_are_reported_together) {
  const std::string path = write("[server]\nprot = 1\n");
  EXPECT_EQ(load_errors_of({"-port", "x", "-config", path.c_str()}),
            "-port: \"x\" is not a whole number between 0 and 65535\n" + path +
                ":2:1: server.prot: unknown key; did you mean server.port?\n");
}

TEST_F(ConfigMerge, the_file_is_read_again_each_time) {
  const std::string path = write("[[backends]]\nurl = \"http://a\"\n");
  const CommandLine line = parse({"-config", path.c_str(), "-port=1"});
  EXPECT_EQ(load_configuration(line).value().backends.front().host, "a");
  write("[[backends]]\nurl = \"http://b\"\n");
  const Checked<Config> again = load_configuration(line);
  EXPECT_EQ(again.value().backends.front().host, "b");
  EXPECT_EQ(again.value().server.port, 1);
}

TEST(ConfigHelp, names_every_flag_within_a_hundred_columns) {
  const std::string help = help_text();
  for (const FlagSpec& flag : all_flags()) {
    EXPECT_NE(help.find("\n  -" + std::string(flag.name)), std::string::npos) << flag.name;
  }
  EXPECT_NE(help.find("-port NUMBER          the port to listen on (default: 3030)\n"), std::string::npos) << help;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100U) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

}  // namespace
}  // namespace lb::config
