#include "http/message.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/text.hpp"

namespace lb::http {
namespace {

struct Name {
  std::string_view text;
  FieldId id;
};

constexpr std::array kNames{
    Name{"accept", FieldId::accept},
    Name{"connection", FieldId::connection},
    Name{"content-length", FieldId::content_length},
    Name{"date", FieldId::date},
    Name{"expect", FieldId::expect},
    Name{"host", FieldId::host},
    Name{"http2-settings", FieldId::http2_settings},
    Name{"keep-alive", FieldId::keep_alive},
    Name{"max-forwards", FieldId::max_forwards},
    Name{"proxy-authenticate", FieldId::proxy_authenticate},
    Name{"proxy-authorization", FieldId::proxy_authorization},
    Name{"proxy-connection", FieldId::proxy_connection},
    Name{"te", FieldId::te},
    Name{"trailer", FieldId::trailer},
    Name{"transfer-encoding", FieldId::transfer_encoding},
    Name{"upgrade", FieldId::upgrade},
    Name{"via", FieldId::via},
    Name{"x-forwarded-for", FieldId::x_forwarded_for},
    Name{"x-forwarded-host", FieldId::x_forwarded_host},
    Name{"x-forwarded-proto", FieldId::x_forwarded_proto},
};

char other_case(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<char>(c - 'a' + 'A');
  return to_lower(c);
}

// Goal: a field that frames or routes is recognised however it is spelled. Method: each letter of each name in the
// other case, all of them, and a fixed pseudo-random choice.
TEST(HttpMessage, field_names_are_known_in_every_case) {
  for (const Name& name : kNames) {
    const std::string lower(name.text);
    std::string upper = lower;
    for (char& c : upper) c = other_case(c);
    EXPECT_EQ(field_id(lower), name.id) << lower;
    EXPECT_EQ(field_id(upper), name.id) << upper;
    for (std::size_t i = 0; i < lower.size(); ++i) {
      std::string one = lower;
      one[i] = other_case(one[i]);
      EXPECT_EQ(field_id(one), name.id) << one;
    }
    std::uint32_t random = 1;
    for (int round = 0; round < 64; ++round) {
      std::string mixed = lower;
      for (char& c : mixed) {
        random = random * 1'664'525U + 1'013'904'223U;
        if ((random >> 31U) != 0) c = other_case(c);
      }
      EXPECT_EQ(field_id(mixed), name.id) << mixed;
    }
  }
}

// Method: every known name with one byte changed to every other of a token, one missing, one more.
TEST(HttpMessage, names_that_only_resemble_a_known_one_are_other) {
  for (const Name& name : kNames) {
    const std::string text(name.text);
    EXPECT_EQ(field_id(text + "x"), FieldId::other);
    EXPECT_EQ(field_id("x" + text), FieldId::other);
    EXPECT_EQ(field_id(text.substr(1)), FieldId::other);
    for (std::size_t i = 0; i < text.size(); ++i) {
      for (int byte = 0x21; byte < 0x7f; ++byte) {
        const char c = static_cast<char>(byte);
        std::string changed = text;
        changed[i] = c;
        if (!is_token_char(c) || to_lower(c) == text[i]) continue;
        const FieldId id = field_id(changed);
        const bool twin = id == FieldId::framing_twin || id == FieldId::x_forwarded_twin;
        EXPECT_EQ(twin ? FieldId::other : id, FieldId::other) << changed;
        EXPECT_TRUE(!twin || c == '_') << changed;
      }
    }
  }
  EXPECT_EQ(field_id(""), FieldId::other);
  EXPECT_EQ(field_id("cookies"), FieldId::other);
}

// CGI makes a hyphen and an underscore the same, and with it all that was made after it.
TEST(HttpMessage, names_with_underscores_are_twins_of_some_known_ones) {
  for (const std::string_view name : {"Content_Length", "transfer_encoding"}) {
    EXPECT_EQ(field_id(name), FieldId::framing_twin) << name;
  }
  for (const std::string_view name :
       {"X_Forwarded_For", "x-forwarded_proto", "X_Forwarded-Host", "x_forwarded_proto"}) {
    EXPECT_EQ(field_id(name), FieldId::x_forwarded_twin) << name;
  }
  for (const std::string_view name : {"X_Other", "_host", "keep_alive", "content_length_"}) {
    EXPECT_EQ(field_id(name), FieldId::other) << name;
  }
}

TEST(HttpMessage, methods_are_case_sensitive) {
  EXPECT_EQ(method_id("GET"), Method::get);
  EXPECT_EQ(method_id("HEAD"), Method::head);
  EXPECT_EQ(method_id("POST"), Method::post);
  EXPECT_EQ(method_id("PUT"), Method::put);
  EXPECT_EQ(method_id("DELETE"), Method::delete_);
  EXPECT_EQ(method_id("OPTIONS"), Method::options);
  EXPECT_EQ(method_id("TRACE"), Method::trace);
  EXPECT_EQ(method_id("CONNECT"), Method::connect);
  for (const std::string_view name : {"get", "Get", "GETT", "GE", "", "PATCH"})
    EXPECT_EQ(method_id(name), Method::other);
}

TEST(HttpMessage, methods_that_may_be_repeated_are_those_of_the_rfc) {
  for (const Method method :
       {Method::get, Method::head, Method::put, Method::delete_, Method::options, Method::trace}) {
    EXPECT_TRUE(is_idempotent(method));
  }
  for (const Method method : {Method::post, Method::connect, Method::other}) EXPECT_FALSE(is_idempotent(method));
}

}  // namespace
}  // namespace lb::http
