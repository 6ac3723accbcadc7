#include "net/address_text.hpp"

#include <string>

#include <gtest/gtest.h>

namespace lb::net {
namespace {

namespace ip = boost::asio::ip;
using namespace std::string_literals;

TEST(NetAddressText, addresses_are_read_to_the_letter) {
  for (const char* text : {"0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "2001:db8::1", "::ffff:1.2.3.4",
                           "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"}) {
    ASSERT_TRUE(parse_address(text).has_value()) << text;
    EXPECT_EQ(*parse_address(text), ip::make_address(text)) << text;
  }
  for (const std::string& text : {""s, " 1.2.3.4"s, "1.2.3.4 "s, "1.2.3"s, "1.2.3.04"s, "1.2.3.256"s, "0x7f.0.0.1"s,
                                  "2130706433"s, "1.2.3.4\0"s, "[::1]"s, "fe80::1%lo"s, "fe80::1%1"s, ":::"s,
                                  "1::2::3"s, "12345::"s, "::g"s, "localhost"s, std::string(1000, '1')})
    EXPECT_FALSE(parse_address(text).has_value()) << text;
}

TEST(NetAddressText, a_plain_address_is_neither_mapped_nor_zoned) {
  EXPECT_EQ(plain(ip::make_address("::ffff:1.2.3.4")), ip::make_address("1.2.3.4"));
  EXPECT_EQ(plain(ip::make_address("1.2.3.4")), ip::make_address("1.2.3.4"));
  EXPECT_EQ(plain(ip::make_address("::1.2.3.4")), ip::make_address("::1.2.3.4"));
  EXPECT_EQ(plain(ip::address_v6(ip::make_address_v6("fe80::1").to_bytes(), 3)), ip::make_address("fe80::1"));
}

}  // namespace
}  // namespace lb::net
