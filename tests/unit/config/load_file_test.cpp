#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "config/load.hpp"
#include "config/schema.hpp"

namespace lb::config {
namespace {

// A directory of its own for each test, gone when the test ends.
class ConfigLoadFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "lb-load-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }

  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  std::string write(std::string_view name, std::string_view text) {
    const std::filesystem::path path = directory_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }

  std::filesystem::path directory_;
};

TEST_F(ConfigLoadFile, a_file_is_read_and_named_in_messages) {
  const std::string path = write("a.toml", "[server]\nport = 8080\n");
  const Checked<Config> config = load_file(path);
  ASSERT_TRUE(config) << render(config.errors());
  EXPECT_EQ(config.value().server.port, 8080);
  EXPECT_EQ(render(load_file(write("b.toml", "[server]\nprot = 1\n")).errors()),
            (directory_ / "b.toml").string() + ":2:1: server.prot: unknown key; did you mean server.port?\n");
}

TEST_F(ConfigLoadFile, what_is_no_readable_file_is_refused) {
  const std::string missing = (directory_ / "missing.toml").string();
  EXPECT_EQ(render(load_file(missing).errors()), missing + ": there is no such file\n");
  EXPECT_EQ(render(load_file(directory_.string()).errors()), directory_.string() + ": is a directory; name a file\n");
  const std::string below_file = write("file", "") + "/x.toml";
  EXPECT_EQ(render(load_file(below_file).errors()), below_file + ": there is no such file\n");
  const std::string loop = (directory_ / "loop.toml").string();
  std::filesystem::create_symlink("loop.toml", loop);
  EXPECT_EQ(render(load_file(loop).errors()), loop + ": cannot be read: Too many levels of symbolic links\n");
  // Opens, and then every read fails.
  EXPECT_EQ(render(load_file("/proc/self/mem").errors()), "/proc/self/mem: cannot be read: Input/output error\n");
  EXPECT_EQ(render(load_file("").errors()), "\"\": there is no such file\n");
  const std::string large = write("large.toml", std::string(kFileBytesMax + 1, '\n'));
  EXPECT_EQ(render(load_file(large).errors()), large + ": is larger than 1048576 bytes\n");
}

// Goal: what may not be read is said to be so. Method: root, who may read everything, is somebody else for the moment.
TEST_F(ConfigLoadFile, a_file_without_permission_is_refused) {
  constexpr uid_t kNobody = 65'534;
  const std::string path = write("secret.toml", "");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  ASSERT_EQ(chmod(directory_.c_str(), 0711), 0);
  const bool is_root = geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  const std::string errors = render(load_file(path).errors());
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  EXPECT_EQ(errors, path + ": may not be read: permission denied\n");
}

// Goal: the documented file tells the truth. Method: load it, and look for every key of the schema with its default and
// range.
TEST(ConfigExampleFile, says_every_key_with_its_default) {
  const std::string path = std::string(LB_SOURCE_DIR) + "/config/load-balancer.toml";
  const Checked<Config> config = load_file(path);
  ASSERT_TRUE(config) << render(config.errors());
  ASSERT_EQ(config.value().backends.size(), 2U);
  EXPECT_EQ(config.value().backends[0].url, "http://127.0.0.1:8080");
  EXPECT_EQ(config.value().backends[1].url, "http://127.0.0.1:8081");

  std::ifstream file(path);
  std::string section;
  std::string comment;
  std::set<std::string, std::less<>> seen;
  for (std::string line; std::getline(file, line);) {
    // What an example cannot have in force stands there as a comment: #[[certificates]].
    const bool is_quoted = line.size() > 1 && line[0] == '#' && line[1] != ' ' && line[1] != ':';
    if (is_quoted) line.erase(0, 1);
    if (line.starts_with('[')) {
      const std::size_t begin = line.find_first_not_of('[');
      section = line.substr(begin, line.find(']') - begin);
      comment = line.substr(line.find(']'));
    } else if (line.starts_with('#')) {
      comment += line;
    } else if (const std::size_t equals = line.find(" = "); equals != std::string::npos) {
      const std::string key_path = (section.empty() ? "" : section + '.') + line.substr(0, equals);
      const KeySpec* key = find_key(key_path);
      ASSERT_NE(key, nullptr) << key_path;
      const bool is_number = key->type == KeyType::kUnsigned || key->type == KeyType::kBool;
      const bool is_list = key->type == KeyType::kList;
      const std::string quote = is_number || is_list ? "" : "\"";
      if (!key->required && is_quoted) {
        EXPECT_EQ(line.substr(equals + 3), quote + default_text(*key) + quote) << key_path;
      } else if (!key->required) {
        EXPECT_EQ(value_text(*key, config.value()), default_text(*key)) << key_path;
        const std::string text = is_list ? "[" + default_text(*key) + "]" : default_text(*key);
        EXPECT_EQ(line.substr(equals + 3), quote + text + quote) << key_path;
      }
      // The first time a key is shown, the comment above it (or above its section) says the range.
      if (seen.insert(key_path).second && key->type != KeyType::kString && key->type != KeyType::kEnum &&
          key->type != KeyType::kBool && !is_list && key->max != kUnbounded) {
        Config ends = config_with_tables();
        key->set(ends, key->min);
        const std::string min = value_text(*key, ends);
        key->set(ends, key->max);
        EXPECT_NE(comment.find(min + " to " + value_text(*key, ends)), std::string::npos)
            << key_path << ": " << comment;
      }
      comment = section == "server.timeouts" ? comment : "";
    }
  }
  EXPECT_EQ(seen.size(), all_keys().size());
}

}  // namespace
}  // namespace lb::config
