#include "http/text.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace lb::http {
namespace {

TEST(HttpText, token_characters_are_those_of_the_rfc) {
  constexpr std::string_view kToken = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    EXPECT_EQ(is_token_char(c), kToken.find(c) != std::string_view::npos) << byte;
  }
  EXPECT_FALSE(is_token(""));
  EXPECT_TRUE(is_token("X-Y"));
  EXPECT_FALSE(is_token("X Y"));
}

TEST(HttpText, field_values_hold_no_control_but_tab) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text = std::string("a") + static_cast<char>(byte) + "b";
    EXPECT_EQ(is_field_value(text), byte == '\t' || (byte >= 0x20 && byte != 0x7f)) << byte;
  }
  EXPECT_TRUE(is_field_value(""));
}

// Goal: the end of a value is found at every place in a word, behind bytes of every kind.
TEST(HttpText, field_content_ends_where_its_bytes_say) {
  for (const char before : {'a', '\t', '\xff', '\x80', ' '}) {
    for (std::size_t length = 0; length < 20; ++length) {
      for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const std::string text = std::string(length, before) + c + "rest of it\r\n";
        const std::size_t expected = is_field_char(c) ? text.size() - 2 : length;
        EXPECT_EQ(skip_field_content(text), expected) << length << " bytes before " << byte;
        EXPECT_EQ(skip_field_content("\r" + text, 1), expected + 1) << length << " bytes before " << byte;
      }
    }
  }
}

TEST(HttpText, comparison_ignores_the_case_of_ascii_letters_alone) {
  EXPECT_TRUE(equals_ignoring_case("Content-LENGTH", "content-length"));
  EXPECT_FALSE(equals_ignoring_case("a", "ab"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));  // differ by 0x20 as letters do
  EXPECT_FALSE(equals_ignoring_case("@", "`"));
  EXPECT_FALSE(equals_ignoring_case("\xC4", "\xE4"));
}

TEST(HttpText, trimming_takes_spaces_and_tabs_alone) {
  EXPECT_EQ(trimmed(" \t a b\t "), "a b");
  EXPECT_EQ(trimmed(" \t"), "");
  EXPECT_EQ(trimmed("\v1\n"), "\v1\n");
}

TEST(HttpText, lists_skip_empty_elements) {
  std::vector<std::string> seen;
  for_each_element(" a ,, b\t,\t, c d ,", [&](std::string_view element) { seen.emplace_back(element); });
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b", "c d"}));
  EXPECT_TRUE(list_contains("a, CLOSE", "close"));
  EXPECT_FALSE(list_contains("closed, not-close", "close"));
  EXPECT_FALSE(list_contains("", "close"));
}

TEST(HttpText, decimals_are_digits_that_fit) {
  EXPECT_EQ(parse_decimal("0"), 0U);
  EXPECT_EQ(parse_decimal("007"), 7U);
  EXPECT_EQ(parse_decimal("9223372036854775799"), 9'223'372'036'854'775'799U);
  for (const std::string_view bad : {"", "+1", "-1", " 1", "1 ", "1,1", "0x1", "1e3", "1.0", "\xB2",
                                     "9223372036854775808", "18446744073709551616", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_decimal(bad)) << bad;
  }
}

}  // namespace
}  // namespace lb::http
