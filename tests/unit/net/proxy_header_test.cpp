#include "net/proxy_header.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "net/address_text.hpp"

namespace lb::net {
namespace {

namespace ip = boost::asio::ip;
using Kind = ProxyHeader::Kind;
using namespace std::string_literals;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

ip::tcp::endpoint at(const char* address, std::uint16_t port) {
  return {ip::make_address(address), port};
}

std::string big_endian(std::size_t value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xffU)};
}

std::string v2(int command, int family, const std::string& body) {
  return kSignature + static_cast<char>(command) + static_cast<char>(family) + big_endian(body.size()) + body;
}

std::string extra(int type, const std::string& value) {
  return static_cast<char>(type) + big_endian(value.size()) + value;
}

const std::string kInetBody = "\x0a\x00\x00\x01\x0a\x00\x00\x02\x30\x39\x01\xbb"s;  // 10.0.0.1:12345, 10.0.0.2:443

// Goal: the header parses with nothing but a header behind it and with other bytes behind it, and until its last byte
// is there, more are asked for.
void expect_header(const std::string& header, bool local, const std::string& source, const std::string& destination) {
  for (const std::string& behind : {""s, "GET / HTTP/1.1\r\n\r\n"s, header}) {
    const ProxyHeader parsed = parse_proxy_header(header + behind);
    ASSERT_EQ(parsed.kind, Kind::header) << header << ": " << parsed.problem;
    EXPECT_EQ(parsed.problem, "");
    EXPECT_EQ(parsed.consumed, header.size());
    EXPECT_EQ(parsed.local, local);
    EXPECT_EQ(to_text(parsed.source), source);
    EXPECT_EQ(to_text(parsed.destination), destination);
  }
  for (std::size_t size = 0; size < header.size(); ++size)
    EXPECT_EQ(parse_proxy_header(header.substr(0, size)).kind, Kind::incomplete) << size << " bytes of " << header;
}

void expect_local(const std::string& header) {
  expect_header(header, true, "0.0.0.0:0", "0.0.0.0:0");
}

void expect_malformed(const std::string& bytes, std::string_view problem) {
  const ProxyHeader parsed = parse_proxy_header(bytes);
  EXPECT_EQ(parsed.kind, Kind::malformed) << bytes;
  EXPECT_NE(parsed.problem.find(problem), std::string_view::npos) << bytes << ": " << parsed.problem;
  EXPECT_EQ(parsed.consumed, 0U);
}

// Goal: what is wrong is said with this very byte, the last one.
void expect_malformed_at_once(const std::string& bytes, std::string_view problem) {
  EXPECT_EQ(parse_proxy_header(bytes.substr(0, bytes.size() - 1)).kind, Kind::incomplete) << bytes;
  expect_malformed(bytes, problem);
}

TEST(NetProxyHeader, the_first_byte_that_differs_says_that_it_is_none) {
  for (const std::string& bytes : {""s, "P"s, "PRO"s, "PROXY"s, "\r"s, "\r\n"s, "\r\n\r\n\0"s, kSignature})
    EXPECT_EQ(parse_proxy_header(bytes).kind, Kind::incomplete) << bytes;
  for (const std::string& bytes :
       {"G"s, "POST / HTTP/1.1\r\n"s, "PO"s, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s, "PROXx"s, "p"s, "proxy TCP4"s, "\n"s,
        "\r\r"s, "\r\nG"s, "\r\n\r\nG"s, "\r\n\r\n\0\r\nQUIT\r"s, " P"s, "\0"s, "\x16\x03\x01"s})
    EXPECT_EQ(parse_proxy_header(bytes).kind, Kind::none) << bytes;
}

TEST(NetProxyHeader, version_1_names_two_addresses_and_two_ports) {
  expect_header("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", false, "192.168.0.1:56324", "192.168.0.11:443");
  expect_header("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", false, "255.255.255.255:65535",
                "255.255.255.255:65535");
  expect_header("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", false, "0.0.0.0:0", "0.0.0.0:0");
  expect_header("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", false, "[2001:db8::1]:1", "[::1]:2");
  const std::string longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  expect_header("PROXY TCP6 " + longest + " " + longest + " 65535 65535\r\n", false, "[" + longest + "]:65535",
                "[" + longest + "]:65535");
}

TEST(NetProxyHeader, mapped_addresses_become_ipv4) {
  expect_header("PROXY TCP6 ::ffff:1.2.3.4 ::FFFF:a00:1 1 2\r\n", false, "1.2.3.4:1", "10.0.0.1:2");
  expect_header("PROXY TCP6 ::ffff:1.2.3.4 2001:db8::1 1 2\r\n", false, "1.2.3.4:1", "[2001:db8::1]:2");
  const std::string mapped = std::string(10, '\0') + "\xff\xff\x01\x02\x03\x04";
  expect_header(v2(0x21, 0x21, mapped + mapped + "\0\1\0\2"s), false, "1.2.3.4:1", "1.2.3.4:2");
}

TEST(NetProxyHeader, unknown_of_version_1_is_local_whatever_follows) {
  expect_local("PROXY UNKNOWN\r\n");
  expect_local("PROXY UNKNOWN \r\n");
  expect_local("PROXY UNKNOWN what ever\t\xff it is\r\n");
  expect_local("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n");
  EXPECT_EQ(("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n").size(), 107U);
}

TEST(NetProxyHeader, another_protocol_in_version_1_is_malformed_at_its_first_wrong_byte) {
  for (const char* line : {"PROXYX", "PROXY\t", "PROXY  ", "PROXY t", "PROXY TCP5", "PROXY TCP44", "PROXY TCP4\t",
                           "PROXY /", "PROXY UNKNOWS", "PROXY UDP"})
    expect_malformed(line, "names another protocol");
  expect_malformed_at_once("PROXY TCP5", "names another protocol");
  expect_malformed("PROXY UNKNOWNS\r\n", "names another protocol");
}

TEST(NetProxyHeader, version_1_is_read_to_the_letter) {
  for (const char* fields : {"", " ", " TCP4", " TCP4 ", " TCP6", " UNKNOW", " TCP4 1.2.3.4", " TCP4 1.2.3.4 1.2.3.4 1",
                             " TCP4 1.2.3.4 1.2.3.4 1 2 ", " TCP4 1.2.3.4  1.2.3.4 1 2", " TCP4 1.2.3.4 1.2.3.4 1 2 3",
                             " TCP4  1.2.3.4 1.2.3.4 1 2"})
    expect_malformed("PROXY"s + fields + "\r\n", "does not have two addresses and two ports");
  for (const char* fields :
       {"TCP4 ::1 ::1 1 2", "TCP6 1.2.3.4 1.2.3.4 1 2", "TCP4 1.2.3.4 ::1 1 2", "TCP6 ::1 1.2.3.4 1 2",
        "TCP4 1.2.3 1.2.3.4 1 2", "TCP4 1.2.3.04 1.2.3.4 1 2", "TCP4 1.2.3.256 1.2.3.4 1 2",
        "TCP4 0x1.2.3.4 1.2.3.4 1 2", "TCP4 1.2.3.4\t 1.2.3.4 1 2", "TCP6 fe80::1%lo ::1 1 2", "TCP6 [::1] ::1 1 2",
        "TCP6 ::1::2 ::1 1 2", "TCP4  1.2.3.4 1 2", "TCP4 1.2.3.4  1 2", "TCP4 localhost 1.2.3.4 1 2"})
    expect_malformed("PROXY "s + fields + "\r\n", "an address");
  expect_malformed("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n"s, "an address");
  for (const char* ports : {"65536 1", "1 65536", "01 1", "1 00", "+1 1", "-1 1", "1 1x", "1 x", " 1", "1 ", "0x1 1",
                            "99999999999999999999 1", "1\t 1", "1.0 1"})
    expect_malformed("PROXY TCP4 1.2.3.4 1.2.3.4 "s + ports + "\r\n", "a port");
}

TEST(NetProxyHeader, version_1_ends_in_cr_and_lf_within_107_bytes) {
  expect_malformed_at_once("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "LF without CR");
  expect_malformed_at_once("PROXY UNKNOWN \n", "LF without CR");
  expect_malformed_at_once("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r ", "CR without LF");
  expect_malformed_at_once("PROXY UNKNOWN \r\r", "CR without LF");
  expect_malformed_at_once("PROXY UNKNOWN " + std::string(92, 'x'), "longer than 107 bytes");
  expect_malformed("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", "longer than 107 bytes");
  expect_malformed("PROXY TCP6 " + std::string(1000, ':') + "\r\n", "longer than 107 bytes");
}

TEST(NetProxyHeader, version_2_names_addresses_and_ports_in_bytes) {
  expect_header(v2(0x21, 0x11, kInetBody), false, "10.0.0.1:12345", "10.0.0.2:443");
  const std::string one = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01";
  const std::string two = std::string(15, '\0') + "\x01";
  expect_header(v2(0x21, 0x21, one + two + "\xff\xff\x00\x50"s), false, "[2001:db8::1]:65535", "[::1]:80");
}

TEST(NetProxyHeader, local_of_version_2_is_skipped_by_its_length_alone) {
  expect_local(v2(0x20, 0x00, ""));
  expect_local(v2(0x20, 0x11, kInetBody));
  expect_local(v2(0x20, 0x11, "x"));
  expect_local(v2(0x20, 0xff, "of no known family"));
}

TEST(NetProxyHeader, what_is_no_tcp_connection_is_local) {
  expect_local(v2(0x21, 0x00, ""));
  expect_local(v2(0x21, 0x00, "anything"));
  expect_local(v2(0x21, 0x01, "x"));        // AF_UNSPEC
  expect_local(v2(0x21, 0x10, "x"));        // transport unspecified
  expect_local(v2(0x21, 0x12, kInetBody));  // UDP
  expect_local(v2(0x21, 0x22, std::string(36, 'x')));
  expect_local(v2(0x21, 0x31, std::string(216, 'x')));  // AF_UNIX
  expect_local(v2(0x21, 0x32, std::string(216, 'x') + extra(0x05, "id")));
}

TEST(NetProxyHeader, what_version_2_does_not_know_is_malformed_at_once) {
  for (const int command : {0x00, 0x01, 0x10, 0x11, 0x22, 0x2f, 0x30, 0x31, 0xff})
    expect_malformed_at_once(kSignature + static_cast<char>(command), "unknown version or command");
  for (const int family : {0x03, 0x13, 0x1f, 0x40, 0x41, 0xf1, 0xff})
    expect_malformed_at_once(kSignature + '\x21' + static_cast<char>(family), "unknown address family or transport");
}

TEST(NetProxyHeader, a_length_below_the_addresses_is_malformed_at_once) {
  for (const auto& [family, needed] : std::vector<std::pair<int, std::size_t>>{
           {0x11, 12}, {0x12, 12}, {0x21, 36}, {0x22, 36}, {0x31, 216}, {0x32, 216}}) {
    const std::string start = kSignature + '\x21' + static_cast<char>(family);
    expect_malformed_at_once(start + big_endian(needed - 1), "too short for its addresses");
    expect_malformed_at_once(start + big_endian(0), "too short for its addresses");
    EXPECT_EQ(parse_proxy_header(start + big_endian(needed)).kind, Kind::incomplete) << family;
  }
}

TEST(NetProxyHeader, a_header_has_at_most_4096_bytes) {
  const std::string most = extra(0x04, std::string(kProxyHeaderMax - 16 - 12 - 3, '\0'));
  expect_header(v2(0x21, 0x11, kInetBody + most), false, "10.0.0.1:12345", "10.0.0.2:443");
  for (const std::string& start : {kSignature + "\x21\x11", kSignature + "\x20\x00"s}) {
    expect_malformed_at_once(start + big_endian(kProxyHeaderMax - 15), "longer than 4096 bytes");
    expect_malformed_at_once(start + "\xff\xff", "longer than 4096 bytes");
  }
}

TEST(NetProxyHeader, extra_fields_are_passed_over) {
  const std::string fields = extra(0x01, "h2") + extra(0x02, "example.com") + extra(0x04, "") + extra(0xe0, "\0\0\0"s);
  expect_header(v2(0x21, 0x11, kInetBody + fields), false, "10.0.0.1:12345", "10.0.0.2:443");
}

TEST(NetProxyHeader, extra_fields_that_run_over_the_end_are_malformed) {
  for (const std::string& fields : {"\x01"s, "\x01\x00"s, "\x01\x00\x01"s, "\x01\x00\x02x"s, "\x01\xff\xffx"s,
                                    extra(0x04, "") + "\x04"s, extra(0x04, "x") + "\x04\x00\x01"s})
    expect_malformed(v2(0x21, 0x11, kInetBody + fields), "runs over its end");
}

// What a network load balancer of AWS sends: a checksum, a field of its own, padding.
TEST(NetProxyHeader, a_checksum_is_verified) {
  const std::string addresses = "\xac\x1f\x07\x71\xac\x1f\x0a\x1f\xc8\xf2\x00\x50"s;
  const std::string others = extra(0xea, "\x01vpce-08d2bf15fac5001c9") + extra(0x04, std::string(36, '\0'));
  const std::string header = v2(0x21, 0x11, addresses + extra(0x03, "\xe8\xd6\x89\x2d") + others);
  expect_header(header, false, "172.31.7.113:51442", "172.31.10.31:80");
  for (std::size_t changed = 16; changed < header.size(); ++changed) {
    std::string wrong = header;
    wrong[changed] = static_cast<char>(wrong[changed] ^ 0x40);
    EXPECT_EQ(parse_proxy_header(wrong).kind == Kind::malformed, changed != 28) << changed << ": type 0x43 is none";
  }
  for (const std::string& value : {""s, "\xe8\xd6\x89"s, "\xe8\xd6\x89\x2d\x00"s})
    expect_malformed(v2(0x21, 0x11, addresses + extra(0x03, value)), "not one of four bytes");
  const std::string checksum = extra(0x03, "\xe8\xd6\x89\x2d");
  expect_malformed(v2(0x21, 0x11, addresses + checksum), "is wrong");
}

// The definition of RFC 4960 appendix B, a bit at a time.
std::string crc32c(const std::string& bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  return big_endian(~crc >> 16U) + big_endian(~crc & 0xffffU);
}

TEST(NetProxyHeader, a_second_checksum_is_malformed) {
  const std::string one = extra(0x03, std::string(4, '\0'));
  EXPECT_EQ(crc32c("123456789"), "\xe3\x06\x92\x83");
  std::string header = v2(0x21, 0x11, kInetBody + one);
  header.replace(header.size() - 4, 4, crc32c(header));
  EXPECT_EQ(parse_proxy_header(header).kind, Kind::header);
  header = v2(0x21, 0x11, kInetBody + one + one);
  header.replace(header.size() - 11, 4, crc32c(header));
  expect_malformed(header, "not one of four bytes");
}

TEST(NetProxyHeader, what_is_written_is_the_text_of_the_specification) {
  EXPECT_EQ(proxy_header_v1(at("192.168.0.1", 56324), at("192.168.0.11", 443)),
            "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
  EXPECT_EQ(proxy_header_v1(at("2001:db8::1", 0), at("::1", 65535)), "PROXY TCP6 2001:db8::1 ::1 0 65535\r\n");
  EXPECT_EQ(proxy_header_v1(at("10.0.0.1", 1), at("::1", 2)), "PROXY TCP6 ::ffff:10.0.0.1 ::1 1 2\r\n");
  EXPECT_EQ(proxy_header_v1(at("::1", 1), at("10.0.0.1", 2)), "PROXY TCP6 ::1 ::ffff:10.0.0.1 1 2\r\n");
  EXPECT_EQ(proxy_header_v1(at("::ffff:10.0.0.1", 1), at("10.0.0.2", 2)), "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n");
  EXPECT_EQ(proxy_header_v1_unknown(), "PROXY UNKNOWN\r\n");
  EXPECT_EQ(proxy_header_v2(at("10.0.0.1", 12345), at("10.0.0.2", 443)), v2(0x21, 0x11, kInetBody));
  EXPECT_EQ(proxy_header_v2_local(), v2(0x20, 0x00, ""));
}

TEST(NetProxyHeader, a_zone_is_not_written) {
  const ip::address_v6 zoned(ip::make_address_v6("fe80::1").to_bytes(), 1);
  const ip::tcp::endpoint source(zoned, 7);
  EXPECT_EQ(proxy_header_v1(source, at("::1", 8)), "PROXY TCP6 fe80::1 ::1 7 8\r\n");
  EXPECT_EQ(to_text(parse_proxy_header(proxy_header_v2(source, at("::1", 8))).source), "[fe80::1]:7");
}

TEST(NetProxyHeader, what_is_written_parses_as_the_same) {
  const std::vector<ip::tcp::endpoint> endpoints{
      at("0.0.0.0", 0),       at("255.255.255.255", 65535),
      at("10.0.0.1", 80),     at("::", 0),
      at("::1", 1),           at("2001:db8:0:0:1::", 443),
      at("::1.2.3.4", 65535), at("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535)};
  for (const auto& source : endpoints) {
    for (const auto& destination : endpoints) {
      expect_header(proxy_header_v1(source, destination), false, to_text(source), to_text(destination));
      expect_header(proxy_header_v2(source, destination), false, to_text(source), to_text(destination));
    }
  }
  expect_local(proxy_header_v1_unknown());
  expect_local(proxy_header_v2_local());
}

}  // namespace
}  // namespace lb::net
