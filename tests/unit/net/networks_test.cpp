#include "net/networks.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace lb::net {
namespace {

namespace ip = boost::asio::ip;
using namespace std::string_literals;

std::string canonical(std::string_view text) {
  const NetworkOutcome parsed = parse_network(text);
  EXPECT_EQ(parsed.network.has_value(), parsed.problem.empty()) << text;
  return parsed.network ? to_text(*parsed.network) : parsed.problem;
}

NetworkSet set_of(const std::vector<std::string_view>& texts) {
  std::vector<Network> networks;
  for (const std::string_view text : texts) {
    const NetworkOutcome parsed = parse_network(text);
    EXPECT_TRUE(parsed.network.has_value()) << text << ' ' << parsed.problem;
    if (parsed.network) networks.push_back(*parsed.network);
  }
  return NetworkSet(networks);
}

bool holds(const NetworkSet& set, const char* address) {
  return set.contains(ip::make_address(address));
}

TEST(NetNetworks, an_address_and_the_number_of_its_leading_bits) {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "127.0.0.1/32", "192.168.0.0/17", "172.16.0.0/12", "::/0",
                           "2001:db8::/32", "::1/128", "fe80::/10", "2001:db8:0:0:8000::/65"})
    EXPECT_EQ(canonical(text), text);
}

TEST(NetNetworks, a_single_address_is_a_network_of_one) {
  EXPECT_EQ(canonical("127.0.0.1"), "127.0.0.1/32");
  EXPECT_EQ(canonical("::1"), "::1/128");
  EXPECT_EQ(canonical("2001:DB8:0::1"), "2001:db8::1/128");
}

TEST(NetNetworks, a_mapped_network_is_the_ipv4_network) {
  EXPECT_EQ(canonical("::ffff:10.0.0.0/104"), "10.0.0.0/8");
  EXPECT_EQ(canonical("::ffff:127.0.0.1"), "127.0.0.1/32");
  EXPECT_EQ(canonical("::ffff:0:0/96"), "0.0.0.0/0");
  EXPECT_EQ(canonical("::ffff:10.1.0.0/104"), "has bits set behind its prefix of 104; write 10.0.0.0/8");
}

TEST(NetNetworks, bits_behind_the_prefix_are_a_problem_with_a_hint) {
  EXPECT_EQ(canonical("10.1.2.3/8"), "has bits set behind its prefix of 8; write 10.0.0.0/8");
  EXPECT_EQ(canonical("192.168.1.129/25"), "has bits set behind its prefix of 25; write 192.168.1.128/25");
  EXPECT_EQ(canonical("1.2.3.4/0"), "has bits set behind its prefix of 0; write 0.0.0.0/0");
  EXPECT_EQ(canonical("2001:db8::1/32"), "has bits set behind its prefix of 32; write 2001:db8::/32");
  EXPECT_EQ(canonical("::ffff:0:0/90"), "has bits set behind its prefix of 90; write ::ffc0:0:0/90");
}

TEST(NetNetworks, what_is_none_says_so) {
  EXPECT_EQ(canonical(""), "is empty");
  for (const std::string& text :
       {" "s, "/8"s, "10.0.0/8"s, "10/8"s, "10.0.0.0 /8"s, " 10.0.0.0/8"s, "[::1]"s, "[::]/0"s, "10.0.0.1:80"s,
        "localhost"s, "10.0.0.0-10.0.0.9"s, "fe80::1%lo"s, "*"s, "10.0.0.0\0/8"s})
    EXPECT_EQ(canonical(text), "is no IP address or network, such as 10.0.0.0/8 or 2001:db8::/32") << text;
  for (const std::string& prefix : {""s, "33"s, "-1"s, "+8"s, "08"s, "00"s, " 8"s, "8 "s, "8/8"s, "x"s, "255.0.0.0"s,
                                    "4294967304"s, "99999999999999999999"s, "8\0"s})
    EXPECT_EQ(canonical("10.0.0.0/" + prefix), "has a prefix length that is not a whole number between 0 and 32")
        << prefix;
  EXPECT_EQ(canonical("::/129"), "has a prefix length that is not a whole number between 0 and 128");
}

TEST(NetNetworkSet, none_holds_nothing) {
  const NetworkSet none;
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(NetworkSet(std::vector<Network>{}).empty());
  EXPECT_FALSE(holds(none, "0.0.0.0"));
  EXPECT_FALSE(holds(none, "::"));
}

TEST(NetNetworkSet, holds_from_the_first_address_to_the_last) {
  const NetworkSet set = set_of({"10.0.0.0/8", "192.168.1.128/25", "127.0.0.1", "2001:db8::/33", "::1"});
  EXPECT_FALSE(set.empty());
  for (const char* address : {"10.0.0.0", "10.255.255.255", "192.168.1.128", "192.168.1.255", "127.0.0.1",
                              "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "::1"})
    EXPECT_TRUE(holds(set, address)) << address;
  for (const char* address : {"9.255.255.255", "11.0.0.0", "192.168.1.127", "192.168.2.0", "127.0.0.0", "127.0.0.2",
                              "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8:8000::", "::", "::2", "0.0.0.0",
                              "255.255.255.255", "0.0.0.1", "::10.0.0.1"})
    EXPECT_FALSE(holds(set, address)) << address;
}

TEST(NetNetworkSet, a_mapped_address_is_looked_up_as_ipv4) {
  EXPECT_TRUE(holds(set_of({"127.0.0.1"}), "::ffff:127.0.0.1"));
  EXPECT_TRUE(holds(set_of({"::ffff:127.0.0.1"}), "127.0.0.1"));
  EXPECT_TRUE(holds(set_of({"::ffff:0:0/96"}), "1.2.3.4"));
  EXPECT_FALSE(holds(set_of({"::/0"}), "::ffff:1.2.3.4"));
  EXPECT_FALSE(holds(set_of({"::/0"}), "1.2.3.4"));
  EXPECT_FALSE(holds(set_of({"0.0.0.0/0"}), "::1"));
  EXPECT_TRUE(holds(set_of({"0.0.0.0/0"}), "255.255.255.255"));
  EXPECT_TRUE(holds(set_of({"::/0"}), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
}

TEST(NetNetworkSet, a_zone_is_passed_over) {
  EXPECT_TRUE(set_of({"fe80::/10"}).contains(ip::address_v6(ip::make_address_v6("fe80::1").to_bytes(), 2)));
}

TEST(NetNetworkSet, networks_may_hold_one_another_in_any_order) {
  const NetworkSet set = set_of({"10.1.2.0/24", "10.1.2.3", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.0/8", "11.0.0.0/32"});
  for (const char* address : {"10.0.0.0", "10.1.2.3", "10.1.3.0", "10.255.255.255", "11.0.0.0"})
    EXPECT_TRUE(holds(set, address)) << address;
  EXPECT_FALSE(holds(set, "11.0.0.1"));
}

// Goal: thousands of networks answer as a look at each of them does.
TEST(NetNetworkSet, many_networks_answer_as_a_look_at_each) {
  std::mt19937 random(1);
  std::vector<std::pair<std::uint32_t, unsigned>> expected;
  std::vector<Network> networks;
  for (int i = 0; i < 3000; ++i) {
    const unsigned prefix = 12U + static_cast<unsigned>(random() % 21);
    const std::uint32_t mask = ~0U << (32 - prefix);
    const auto first = static_cast<std::uint32_t>(random()) & mask;
    expected.emplace_back(first, mask);
    networks.push_back({ip::address_v4(first), prefix});
  }
  const NetworkSet set(networks);
  int held = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto address = static_cast<std::uint32_t>(random());
    bool in_one = false;
    for (const auto& [first, mask] : expected) in_one = in_one || (address & mask) == first;
    held += in_one ? 1 : 0;
    EXPECT_EQ(set.contains(ip::address_v4(address)), in_one) << address;
  }
  EXPECT_GT(held, 30);
  EXPECT_LT(held, 2970);
}

}  // namespace
}  // namespace lb::net
