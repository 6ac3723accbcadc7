#include "acme/storage.hpp"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "acme/limits.hpp"
#include "unit/acme/folder.hpp"

namespace lb::acme {
namespace {

constexpr std::time_t kNow = 1'800'000'000;

StoredCertificate certificate_for(const std::string& domain) {
  const Pair pair = make_stand_in(domain, kNow);
  return {*read_certificate(pair.chain, *Key::read(pair.key), domain), "https://ca/dir"};
}

std::string text_of_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class AcmeStorage : public testing::Test {
 protected:
  AcmeStorage() { EXPECT_FALSE(storage.prepare()); }

  test::Folder folder;
  Storage storage{folder / "new/acme"};
};

TEST_F(AcmeStorage, is_for_its_owner_alone) {
  const mode_t usual = ::umask(0);
  EXPECT_EQ(test::mode_of(folder / "new"), 0700U);
  EXPECT_EQ(test::mode_of(storage.folder()), 0700U);
  ASSERT_TRUE(storage.account_key());
  EXPECT_FALSE(storage.save_certificate("a.example", certificate_for("a.example")));
  EXPECT_FALSE(storage.save_attempts("a.example", {1, kNow, kNow + 60, "a", "b"}));
  EXPECT_EQ(test::mode_of(storage.folder() + "/account.key.pem"), 0600U);
  EXPECT_EQ(test::mode_of(storage.path_of("a.example")), 0600U);
  EXPECT_EQ(test::mode_of(storage.attempts_path("a.example")), 0600U);
  EXPECT_FALSE(storage.prepare()) << "again";
  ::umask(usual);
}

TEST_F(AcmeStorage, keeps_a_certificate_with_its_key_and_where_it_is_from) {
  const auto none = storage.certificate("a.example");
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->has_value());
  const StoredCertificate stored = certificate_for("a.example");
  EXPECT_FALSE(storage.save_certificate("a.example", stored));
  const auto found = storage.certificate("a.example");
  ASSERT_TRUE(found && found->has_value()) << found.problem().text;
  EXPECT_EQ((*found)->certificate.pair.chain, stored.certificate.pair.chain);
  EXPECT_EQ((*found)->certificate.pair.key, stored.certificate.pair.key);
  EXPECT_EQ((*found)->certificate.not_after, stored.certificate.not_after);
  EXPECT_EQ((*found)->directory, "https://ca/dir");
}

TEST_F(AcmeStorage, what_cannot_be_read_is_a_problem_and_no_end) {
  const std::string path = storage.path_of("a.example");
  std::ofstream(path) << "nonsense";
  EXPECT_FALSE(storage.certificate("a.example"));
  // Each beginning of a file is none, or the whole of it.
  EXPECT_FALSE(storage.save_certificate("a.example", certificate_for("a.example")));
  const std::string text = text_of_file(path);
  for (std::size_t size = 0; size + 1 < text.size(); size += 37) {
    std::ofstream(path, std::ios::trunc) << text.substr(0, size);
    EXPECT_FALSE(storage.certificate("a.example")) << size;
  }
  std::ofstream(path, std::ios::trunc) << std::string(kFileBytesMax + 1, 'a');
  EXPECT_FALSE(storage.certificate("a.example"));
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(storage.certificate("a.example")) << "nobody is waited for";
  std::ofstream(storage.folder() + "/account.key.pem") << "nonsense";
  EXPECT_FALSE(storage.account_key()) << "it is not replaced";
  std::ofstream(storage.folder() + "/account.json") << "[[[[";
  EXPECT_FALSE(storage.account("https://ca/dir"));
  std::ofstream(storage.attempts_path("a.example")) << R"({"failures":-1,"at":"x","next":1e99,"directory":"d"})";
  EXPECT_EQ(storage.attempts("a.example", "d").failures, 0U);
}

// Goal: what a crash in the middle of writing leaves is no hindrance, and the old file is there.
TEST_F(AcmeStorage, a_file_is_replaced_as_a_whole) {
  const std::string path = folder / "file";
  EXPECT_FALSE(write_file(path, "old"));
  std::ofstream(path + ".new") << "half of what was to be the new one, and more";
  ::chmod((path + ".new").c_str(), 0644);
  const FileMark before = mark_of(path);
  EXPECT_EQ(text_of_file(path), "old");
  EXPECT_FALSE(write_file(path, "new"));
  EXPECT_EQ(text_of_file(path), "new");
  EXPECT_EQ(test::mode_of(path), 0600U);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  EXPECT_FALSE(mark_of(path) == before);
  // One that cannot be written leaves the old one.
  std::filesystem::create_directory(path + ".new");
  const auto problem = write_file(path, "newest");
  ASSERT_TRUE(problem);
  EXPECT_TRUE(problem->text.starts_with("cannot write " + path + ".new: ")) << problem->text;
  EXPECT_EQ(text_of_file(path), "new");
}

TEST_F(AcmeStorage, an_account_is_one_of_its_directory) {
  EXPECT_FALSE(storage.account("https://ca/dir"));
  EXPECT_FALSE(storage.save_account({"https://ca/account/1", "https://ca/dir", "a@b.c"}));
  const auto account = storage.account("https://ca/dir");
  ASSERT_TRUE(account);
  EXPECT_EQ(account->url, "https://ca/account/1");
  EXPECT_EQ(account->email, "a@b.c");
  EXPECT_FALSE(storage.account("https://other/dir"));
  const auto key = storage.account_key();
  ASSERT_TRUE(key);
  EXPECT_EQ(storage.account_key()->thumbprint(), key->thumbprint()) << "kept";
}

TEST_F(AcmeStorage, remembers_failures) {
  EXPECT_EQ(storage.attempts("a.example", "https://ca/dir").failures, 0U);
  EXPECT_FALSE(storage.save_attempts("a.example", {3, kNow, kNow + 240, "a reason\x1b", "https://ca/dir"}));
  const Attempts found = storage.attempts("a.example", "https://ca/dir");
  EXPECT_EQ(found.failures, 3U);
  EXPECT_EQ(found.at, kNow);
  EXPECT_EQ(found.next, kNow + 240);
  EXPECT_EQ(found.problem, "a reason?");
  EXPECT_EQ(storage.attempts("a.example", "https://other/dir").failures, 0U);
  EXPECT_EQ(storage.attempts("", "https://ca/dir").failures, 0U);
  EXPECT_FALSE(storage.forget_attempts("a.example"));
  EXPECT_FALSE(storage.forget_attempts("a.example")) << "there are none";
  EXPECT_EQ(storage.attempts("a.example", "https://ca/dir").failures, 0U);
}

TEST_F(AcmeStorage, is_locked_by_one_at_a_time) {
  {
    const auto first = storage.lock();
    ASSERT_TRUE(first && first->has_value());
    const auto second = storage.lock();
    ASSERT_TRUE(second);
    EXPECT_FALSE(second->has_value());
  }
  const auto third = storage.lock();
  ASSERT_TRUE(third);
  EXPECT_TRUE(third->has_value());
}

TEST(AcmeFile, a_folder_that_cannot_be_is_a_problem) {
  const test::Folder folder;
  std::ofstream(folder / "file") << "text";
  const auto problem = make_folder(folder / "file");
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->text, "cannot use " + (folder / "file") + ": Not a directory");
  EXPECT_TRUE(make_folder(folder / "file/deeper"));
  EXPECT_TRUE(Storage(folder / "none").lock().problem().text.starts_with("cannot open "));
}

}  // namespace
}  // namespace lb::acme
