// -watch: the configuration is read again when its file changes, however that is done.
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/config_file.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;
namespace fs = std::filesystem;

const std::string kQuiet = "server.threads = 1\n";

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

class Watch : public testing::Test {
 protected:
  // Waits for one more configuration to be in force, and sees that it is `expected`.
  void expect_in_force(const Balancer& balancer, const std::string& expected) {
    const auto line = balancer.wait_for_log(kInForce, seen_);
    ASSERT_TRUE(line) << balancer.log();
    seen_ = balancer.log().find(kInForce, seen_) + kInForce.size();
    EXPECT_EQ(letters(balancer, 2), expected + expected);
  }

  ScriptedBackend a{always(ok("a"))};
  ScriptedBackend b{always(ok("b"))};
  const std::string to_a = kQuiet + tables_of({&a});
  const std::string to_b = kQuiet + tables_of({&b});

 private:
  std::size_t seen_ = 0;
};

// Goal: the ways in which editors and deployment tools change a file. Method: written in place, another one renamed
// over it, deleted and written anew, each to and fro.
TEST_F(Watch, a_file_that_is_written_renamed_over_or_made_anew) {
  ConfigFile file(to_a);
  Balancer balancer(file.flags({"-watch"}));
  EXPECT_EQ(letters(balancer, 1), "a");
  for (int round = 0; round < 2; ++round) {
    const std::string text = round == 0 ? to_b : to_a;
    const std::string other = round == 0 ? to_a : to_b;
    const std::string letter = round == 0 ? "b" : "a";
    const std::string other_letter = round == 0 ? "a" : "b";
    file.write(text);
    expect_in_force(balancer, letter);
    write_file(file.path() + ".new", other);
    fs::rename(file.path() + ".new", file.path());
    expect_in_force(balancer, other_letter);
    fs::remove(file.path());
    write_file(file.path(), text);
    expect_in_force(balancer, letter);
  }
}

// Goal: a file that is removed changes nothing, and the log says so; and that it is back, changed or not.
TEST_F(Watch, a_file_that_is_removed_is_told_of) {
  ConfigFile file(to_a);
  Balancer balancer(file.flags({"-watch"}));
  fs::rename(file.path(), file.path() + ".away");
  ASSERT_TRUE(balancer.wait_for_log(file.path() + " is gone; what was read stays in force")) << balancer.log();
  EXPECT_EQ(letters(balancer, 1), "a");
  fs::rename(file.path() + ".away", file.path());
  ASSERT_TRUE(balancer.wait_for_log(file.path() + " is back")) << balancer.log();
  const std::size_t from = balancer.log().size();
  fs::remove(file.path());
  ASSERT_TRUE(balancer.wait_for_log(file.path() + " is gone", from)) << balancer.log();
  write_file(file.path(), to_b);
  ASSERT_TRUE(balancer.wait_for_log(file.path() + " is back", from)) << balancer.log();
  expect_in_force(balancer, "b");
}

// Goal: a mounted ConfigMap: the file is a link into ..data, which is a link that is exchanged for one to another
// folder by a rename. Method: two exchanges, the old folder deleted after each.
TEST_F(Watch, links_that_are_exchanged) {
  const TemporaryDirectory directory;
  const std::string placeholder = directory.write("placeholder", "");
  const std::string root = placeholder.substr(0, placeholder.rfind('/'));
  const auto publish = [&](const std::string& name, const std::string& text) {
    fs::create_directory(root + "/" + name);
    write_file(root + "/" + name + "/load-balancer.toml", text);
    fs::create_directory_symlink(name, root + "/..data_tmp");
    fs::rename(root + "/..data_tmp", root + "/..data");
  };
  publish("..1", to_a);
  fs::create_symlink("..data/load-balancer.toml", root + "/load-balancer.toml");
  Balancer balancer(std::vector<std::string>{"-config", root + "/load-balancer.toml", "-watch"});
  EXPECT_EQ(letters(balancer, 1), "a");
  publish("..2", to_b);
  fs::remove_all(root + "/..1");
  expect_in_force(balancer, "b");
  publish("..3", to_a);
  fs::remove_all(root + "/..2");
  expect_in_force(balancer, "a");
}

// Goal: a link to a file in another folder is followed. Method: that file is written in place. Nothing happens in the
// folder of the link.
TEST_F(Watch, the_target_of_a_link_in_another_folder) {
  ConfigFile target(to_a);
  const ConfigFile neighbour("");
  const std::string link = neighbour.folder() + "/linked.toml";
  fs::create_symlink(target.path(), link);
  Balancer balancer(std::vector<std::string>{"-config", link, "-watch"});
  EXPECT_EQ(letters(balancer, 1), "a");
  target.write(to_b);
  const auto line = balancer.wait_for_log(kInForce, 0, within(Duration(5000)));
  EXPECT_TRUE(line) << balancer.log();
}

// Goal: other files of the folder, and a file that was only read or touched in its rights, are no reason to read it.
// Method: neighbours come and go, then the real change; the log counts the readings.
TEST_F(Watch, neighbours_do_not_matter) {
  ConfigFile file(to_a);
  Balancer balancer(file.flags({"-watch"}));
  for (int i = 0; i < 5; ++i) {
    write_file(file.folder() + "/neighbour", "x");
    fs::remove(file.folder() + "/neighbour");
    fs::permissions(file.path(), i % 2 == 0 ? fs::perms::owner_read : fs::perms::owner_all);
  }
  static_cast<void>(balancer.wait_exit(within(Duration(300))));  // longer than a change takes to settle
  EXPECT_EQ(balancer.log().find("reading the configuration again"), std::string::npos) << balancer.log();
  file.write(to_b);
  expect_in_force(balancer, "b");
}

// Goal: a bad file is refused, once, and the next good one taken. Method: a spelling mistake and its correction.
TEST_F(Watch, a_bad_file_is_refused_and_the_next_good_one_taken) {
  ConfigFile file(to_a);
  Balancer balancer(file.flags({"-watch"}));
  file.write("[[backends]]\nurl = \"ftp://x\"\n");
  ASSERT_TRUE(balancer.wait_for_log(kRefused)) << balancer.log();
  EXPECT_NE(balancer.log().find(file.path() + ":2:7"), std::string::npos) << balancer.log();
  EXPECT_EQ(letters(balancer, 1), "a");
  file.write(to_b);
  expect_in_force(balancer, "b");
  EXPECT_EQ(balancer.log().find(kRefused), balancer.log().rfind(kRefused));
}

// Goal: a change while the balancer starts is not lost. Method: the first round of checks is held back by a backend
// while the file changes: it was read before, and the port is not open yet.
TEST_F(Watch, a_change_during_the_start_is_noticed) {
  Gate gate;
  ScriptedBackend slow([&gate](Connection& connection) {
    while (connection.read_request() && gate.wait()) connection.send(ok("slow"));
  });
  ConfigFile file(kQuiet + "[health]\ncheck = \"http\"\n" + tables_of({&slow}));
  Process process(file.flags({"-watch", "-port", "0"}));
  ASSERT_TRUE(slow.wait_for_requests(1));
  file.write(to_b);
  gate.open();
  EXPECT_TRUE(process.wait_for_log(kInForce, 0, within(Duration(5000)))) << process.err();
}

// Goal: there has to be a file to watch.
TEST_F(Watch, without_a_file_is_a_mistake_of_the_user) {
  const Finished finished = run_binary({"-backends", a.url(), "-watch", "-port", "0"});
  EXPECT_EQ(finished.status, 2);
  EXPECT_NE(finished.err.find("-watch"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("-config"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace lb::e2e
