#include "app/inheritance.hpp"

#include <string>

#include <gtest/gtest.h>

namespace lb::app {
namespace {

TEST(AppInheritance, what_is_written_is_read) {
  Inheritance left;
  left.next = "http://b";
  left.backends.push_back({"http://a", upstream::Administration::draining, true, 7, "3 retries failed:\ta\nb"});
  left.backends.push_back({"http://b", upstream::Administration::active, false, 0, ""});
  const Inheritance read = read_inheritance(write(left));
  EXPECT_EQ(read.next, "http://b");
  ASSERT_EQ(read.backends.size(), 2U);
  EXPECT_EQ(read.backends[0].url, "http://a");
  EXPECT_EQ(read.backends[0].administration, upstream::Administration::draining);
  EXPECT_TRUE(read.backends[0].failed);
  EXPECT_EQ(read.backends[0].weight, 7U);
  EXPECT_EQ(read.backends[0].reason, "3 retries failed: a b");
  EXPECT_FALSE(read.backends[1].failed);
}

// Goal: another version's text, or a cut one, does no harm. Method: every beginning of a good one, and rubbish.
TEST(AppInheritance, what_cannot_be_read_is_left_out) {
  Inheritance left;
  left.backends.push_back({"http://a", upstream::Administration::disabled, true, 256, "reason"});
  const std::string text = write(left);
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_LE(read_inheritance(text.substr(0, size)).backends.size(), 1U);
  }
  EXPECT_TRUE(read_inheritance("backend\thttp://a\tsomehow\t-\t1\t\nnews\t\n\n\t\t\n").backends.empty());
}

}  // namespace
}  // namespace lb::app
