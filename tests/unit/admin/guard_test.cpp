#include "admin/guard.hpp"

#include <string>

#include <gtest/gtest.h>

namespace lb::admin {
namespace {

TEST(AdminGuard, trusts_hosts_that_no_foreign_page_can_have) {
  for (const char* host : {"", "localhost", "LocalHost:9090", "x.localhost", "127.0.0.1", "127.0.0.1:80", "10.1.2.3:9",
                           "[::1]", "[::1]:9090", "[fe80::1]:1"}) {
    EXPECT_TRUE(is_trusted_host(host)) << host;
  }
  for (const char* host : {"example.org", "localhost.example.org", "localhost.", "notlocalhost", ".", ":80",
                           "127.0.0.1.nip.io", "[example]", "[::1", "1.2.3.4.5", "a:b:c"}) {
    EXPECT_FALSE(is_trusted_host(host)) << host;
  }
}

TEST(AdminGuard, compares_tokens) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  for (const char* other : {"", "ab", "abcd", "abd", "Abc", "xyz"}) EXPECT_FALSE(equal_in_constant_time("abc", other));
}

TEST(AdminGuard, an_empty_token_is_shown_by_nobody) {
  Request request;
  for (const char* shown : {"", "Bearer", "Bearer ", "Bearer x"}) {
    request.authorization = shown;
    EXPECT_FALSE(shows_token(request, "")) << shown;
  }
  request.authorization = "BEARER   x ";
  EXPECT_TRUE(shows_token(request, "x"));
}

// Goal: the order of what is said: a stranger learns nothing of paths or tokens.
TEST(AdminGuard, says_what_is_missing) {
  Request request{.method = http::Method::get, .host = "localhost"};
  EXPECT_FALSE(refuse_stranger(request, "", Guard::token));
  EXPECT_FALSE(refuse_stranger(request, "t", Guard::none));
  EXPECT_EQ(refuse_stranger(request, "t", Guard::token)->status, 401U);
  request.host = "evil.example";
  EXPECT_EQ(refuse_stranger(request, "", Guard::none)->status, 403U);
  EXPECT_EQ(refuse_stranger(request, "t", Guard::token)->status, 403U);
  request.authorization = "Bearer t";
  EXPECT_FALSE(refuse_stranger(request, "t", Guard::token));
}

TEST(AdminGuard, a_post_is_json_of_this_very_origin) {
  Request request{.method = http::Method::post, .host = "Localhost:9"};
  EXPECT_EQ(refuse_forged(request)->status, 415U);
  request.content_type = "application/json";
  EXPECT_FALSE(refuse_forged(request));
  request.content_type = "Application/JSON ; charset=utf-8";
  EXPECT_FALSE(refuse_forged(request));
  request.origin = "http://localhost:9";
  EXPECT_FALSE(refuse_forged(request));
  for (const char* origin : {"null", "http://localhost", "https://localhost:9", "http://localhost:90", "http://evil"}) {
    request.origin = origin;
    EXPECT_EQ(refuse_forged(request)->status, 403U) << origin;
  }
}

}  // namespace
}  // namespace lb::admin
