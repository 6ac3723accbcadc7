#include "base/utf8.hpp"

#include <string_view>

#include <gtest/gtest.h>

namespace lb::base {
namespace {

TEST(BaseUtf8, only_valid_sequences_are_code_points) {
  EXPECT_EQ(first_code_point("A")->value, U'A');
  EXPECT_EQ(first_code_point("\xC3\xA4 ")->value, U'\u00E4');
  EXPECT_EQ(first_code_point("\xE2\x82\xAC")->value, U'\u20AC');
  EXPECT_EQ(first_code_point("\xF0\x9F\x98\x80")->value, U'\U0001F600');
  EXPECT_EQ(first_code_point("\xF0\x9F\x98\x80")->bytes, 4U);
  for (const std::string_view text :
       {"", "\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE2\x82", "\xE0\x80\x80", "\xED\xA0\x80",
        "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xFF"}) {
    EXPECT_FALSE(first_code_point(text)) << text;
  }
}

}  // namespace
}  // namespace lb::base
