#include "admin/json_text.hpp"

#include <limits>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "admin/why.hpp"

namespace lb::admin {
namespace {

TEST(AdminJsonText, numbers_are_as_people_write_them) {
  EXPECT_EQ(json_text(boost::json::value{{"a", 1.5}, {"b", 0.0001}, {"c", 12.0}, {"d", -0.0}, {"e", 1.0006}, {"f", 7}}),
            R"({"a":1.5,"b":0,"c":12,"d":0,"e":1.001,"f":7})");
  EXPECT_EQ(json_text(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(json_text(1e300).size(), 301U);
}

TEST(AdminJsonText, everything_else_is_as_it_was) {
  for (const char* text : {"{}", "[]", "null", "true", R"("a\"\\\n\u0001é")", R"([[],{},[{"a":{"b":[]}},1]])",
                           R"({"a":{},"b":{"c":[1,2]},"d":"{"})"}) {
    const boost::json::value value = boost::json::parse(text);
    EXPECT_EQ(json_text(value), boost::json::serialize(value)) << text;
  }
}

TEST(AdminWhy, ids_in_a_path_are_decoded) {
  EXPECT_EQ(percent_decoded("a%2Fb%2f"), "a/b/");
  EXPECT_EQ(percent_decoded("100%"), "100%");
  EXPECT_EQ(percent_decoded("%2"), "%2");
  EXPECT_EQ(percent_decoded("%zz%41"), "%zzA");
  EXPECT_EQ(percent_decoded(""), "");
}

}  // namespace
}  // namespace lb::admin
