#include "config/admin_token.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace lb::config {
namespace {

class Folder {
 public:
  Folder() : path_(testing::TempDir() + "lb-token-XXXXXX") { EXPECT_NE(::mkdtemp(path_.data()), nullptr); }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << text;
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

Config with_file(const std::string& path) {
  Config config;
  config.admin.token_file = path;
  return config;
}

std::string problem_of(Config config, const Origins& where = {}, const char* variable = nullptr) {
  Origins origins = where;
  const auto problem = read_token(config, origins, variable);
  return problem ? render(*problem) : "";
}

TEST(AdminToken, is_read_from_a_file_without_its_line_end) {
  Folder directory;
  for (const char* text : {"s3cret", "s3cret\n", " s3cret\r\n\n"}) {
    Config config = with_file(directory.write("token", text));
    Origins origins;
    EXPECT_FALSE(read_token(config, origins, "other")) << text;
    EXPECT_EQ(config.admin.token, "s3cret");
    EXPECT_EQ(origins["admin.token"], config.admin.token_file);
  }
}

// Goal: what cannot be read is told with its path, and what was read never.
TEST(AdminToken, mistakes_name_the_file_and_not_what_it_holds) {
  Folder directory;
  EXPECT_EQ(problem_of(with_file("/nowhere/token")), "admin.token_file: \"/nowhere/token\": there is no such file");
  EXPECT_EQ(problem_of(with_file("/nowhere/token"), {{"admin.token_file", "-admin-token-file"}}),
            "-admin-token-file: \"/nowhere/token\": there is no such file");
  EXPECT_EQ(problem_of(with_file("/")), "admin.token_file: \"/\": is a directory; name a file");
  for (const char* text : {"", "\n", "two words", "s3cret!", "a\nb"}) {
    const std::string path = directory.write("token", text);
    const std::string problem = problem_of(with_file(path));
    EXPECT_TRUE(problem.starts_with("admin.token_file: \"" + path + "\": ")) << problem;
    EXPECT_NE(problem.find("openssl rand -hex 24"), std::string::npos) << problem;
    EXPECT_EQ(problem.find("s3cret"), std::string::npos) << problem;
  }
  EXPECT_NE(problem_of(with_file(directory.write("token", std::string(5'000, 'a')))), "");
}

TEST(AdminToken, stands_in_one_place) {
  Folder directory;
  Config config = with_file(directory.write("token", "from-the-file"));
  config.admin.token = "from-the-configuration";
  EXPECT_NE(problem_of(config).find("beside admin.token; keep one of them"), std::string::npos);
  Origins origins{{"admin.token_file", "-admin-token-file"}};
  EXPECT_FALSE(read_token(config, origins, nullptr));
  EXPECT_EQ(config.admin.token, "from-the-file") << "a flag overrides the file";
}

TEST(AdminToken, may_be_a_variable_where_nothing_else_says_it) {
  Config config;
  Origins origins;
  EXPECT_FALSE(read_token(config, origins, "from-outside"));
  EXPECT_EQ(config.admin.token, "from-outside");
  EXPECT_EQ(origins["admin.token"], "LB_ADMIN_TOKEN");
  EXPECT_FALSE(read_token(config, origins, "another"));
  EXPECT_EQ(config.admin.token, "from-outside");
  EXPECT_EQ(problem_of({}, {}, ""), "");
  EXPECT_EQ(problem_of({}, {}, "s3 cret").find("s3"), std::string::npos);
  EXPECT_TRUE(problem_of({}, {}, "s3 cret").starts_with("LB_ADMIN_TOKEN: does not hold a token"));
}

}  // namespace
}  // namespace lb::config
