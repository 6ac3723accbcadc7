#include "net/forwarded_for.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "net/address_text.hpp"

namespace lb::net {
namespace {

namespace ip = boost::asio::ip;
using namespace std::string_literals;

// 10.0.0.0/8 and fd00::/8 are trusted.
NetworkSet trusted() {
  const std::vector<Network> networks{*parse_network("10.0.0.0/8").network, *parse_network("fd00::/8").network};
  return NetworkSet(networks);
}

std::string client(const char* peer, const std::vector<std::string_view>& fields) {
  const ip::address address = ip::make_address(peer);
  const std::string text = client_of(plain(address).to_string(), address, fields, trusted());
  EXPECT_EQ(text, client_address(address, fields, trusted()).to_string());
  return text;
}

TEST(NetForwardedFor, a_peer_that_is_not_trusted_is_the_client) {
  EXPECT_EQ(client("203.0.113.9", {"1.2.3.4"}), "203.0.113.9");
  EXPECT_EQ(client("203.0.113.9", {"10.0.0.2, 10.0.0.3"}), "203.0.113.9");
  EXPECT_EQ(client("::ffff:203.0.113.9", {"1.2.3.4"}), "203.0.113.9");
  EXPECT_EQ(client("2001:db8::1", {"1.2.3.4"}), "2001:db8::1");
}

TEST(NetForwardedFor, nobody_is_trusted_where_no_network_is) {
  const std::vector<std::string_view> fields{"1.2.3.4"};
  EXPECT_EQ(client_of("10.0.0.1", ip::make_address("10.0.0.1"), fields, {}), "10.0.0.1");
}

TEST(NetForwardedFor, a_trusted_peer_that_says_nothing_is_the_client) {
  EXPECT_EQ(client("10.0.0.1", {}), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {""}), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {" \t"}), "10.0.0.1");
  EXPECT_EQ(client("::ffff:10.0.0.1", {}), "10.0.0.1");
}

TEST(NetForwardedFor, the_last_address_that_is_not_trusted_is_the_client) {
  EXPECT_EQ(client("10.0.0.1", {"1.2.3.4"}), "1.2.3.4");
  EXPECT_EQ(client("10.0.0.1", {"6.6.6.6, 1.2.3.4"}), "1.2.3.4");
  EXPECT_EQ(client("10.0.0.1", {"6.6.6.6, 1.2.3.4, 10.0.0.3,10.0.0.2"}), "1.2.3.4");
  EXPECT_EQ(client("fd00::1", {"2001:db8::7, fd00::2"}), "2001:db8::7");
  EXPECT_EQ(client("::ffff:10.0.0.1", {"1.2.3.4"}), "1.2.3.4");
}

TEST(NetForwardedFor, the_first_address_is_the_client_where_all_are_trusted) {
  EXPECT_EQ(client("10.0.0.1", {"10.0.0.4, 10.0.0.3, 10.0.0.2"}), "10.0.0.4");
  EXPECT_EQ(client("10.0.0.1", {"10.0.0.1"}), "10.0.0.1");
}

TEST(NetForwardedFor, several_fields_are_one_list) {
  EXPECT_EQ(client("10.0.0.1", {"6.6.6.6", "1.2.3.4", "10.0.0.3 , 10.0.0.2"}), "1.2.3.4");
  EXPECT_EQ(client("10.0.0.1", {"10.0.0.4", "10.0.0.3", "10.0.0.2"}), "10.0.0.4");
}

TEST(NetForwardedFor, elements_may_have_ports_and_brackets) {
  for (const char* element : {"1.2.3.4", "1.2.3.4:567", "1.2.3.4:0", "1.2.3.4:65535", " \t1.2.3.4\t ", "::ffff:1.2.3.4",
                              "[::ffff:1.2.3.4]:80", "[::ffff:102:304]"})
    EXPECT_EQ(client("10.0.0.1", {element}), "1.2.3.4") << element;
  for (const char* element :
       {"2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80", "2001:DB8:0:0::1", "[2001:0db8::0001]"})
    EXPECT_EQ(client("10.0.0.1", {element}), "2001:db8::1") << element;
}

TEST(NetForwardedFor, what_is_no_address_ends_the_walk) {
  for (const std::string& element : {"unknown"s,
                                     "_hidden"s,
                                     "localhost"s,
                                     "1.2.3"s,
                                     "1.2.3.4:"s,
                                     "1.2.3.4:x"s,
                                     "1.2.3.4:65536"s,
                                     "1.2.3.4:-1"s,
                                     "1.2.3.4 5.6.7.8"s,
                                     "1.2.3.04"s,
                                     "\"1.2.3.4\""s,
                                     "for=1.2.3.4"s,
                                     "[1.2.3.4]"s,
                                     "[1.2.3.4]:80"s,
                                     "[2001:db8::1"s,
                                     "2001:db8::1]"s,
                                     "[2001:db8::1]80"s,
                                     "[2001:db8::1]:"s,
                                     "[2001:db8::1]:x"s,
                                     "[]"s,
                                     "[]:80"s,
                                     "["s,
                                     "]"s,
                                     ":"s,
                                     ":80"s,
                                     "fe80::1%eth0"s,
                                     "1.2.3.4\0"s,
                                     "\xff\xfe"s,
                                     std::string(10'000, '1')}) {
    EXPECT_EQ(client("10.0.0.1", {element}), "10.0.0.1") << element;
    const std::string before = "6.6.6.6, " + element;
    EXPECT_EQ(client("10.0.0.1", {before}), "10.0.0.1") << element;
    const std::string between = before + ", 10.0.0.3, 10.0.0.2";
    EXPECT_EQ(client("10.0.0.1", {between}), "10.0.0.3") << element;
    const std::string behind = element + ", 1.2.3.4, 10.0.0.2";
    EXPECT_EQ(client("10.0.0.1", {behind}), "1.2.3.4") << element;
    EXPECT_EQ(client("10.0.0.1", {"6.6.6.6", element, "10.0.0.2"}), "10.0.0.2") << element;
  }
}

TEST(NetForwardedFor, at_most_128_elements_are_looked_at) {
  std::string list = "10.1.1.1";
  for (std::size_t i = 1; i < kForwardedForMax; ++i) list += ", 10.0.0.2";
  EXPECT_EQ(client("10.0.0.1", {list}), "10.1.1.1");
  const std::string one_more = "1.2.3.4, " + list;
  EXPECT_EQ(client("10.0.0.1", {one_more}), "10.1.1.1");
  EXPECT_EQ(client("10.0.0.1", {"1.2.3.4", list}), "10.1.1.1");
  const std::vector<std::string_view> many(100'000, "10.0.0.2");
  EXPECT_EQ(client("10.0.0.1", many), "10.0.0.2");
}

}  // namespace
}  // namespace lb::net
