#include "app/configuration.hpp"

#include <gtest/gtest.h>

namespace lb::app {
namespace {

using List = std::vector<config::Backend>;
using Lines = std::vector<std::string>;

config::Backend backend(const std::string& url, unsigned weight = 1) {
  config::Backend made;
  made.url = url;
  made.weight = weight;
  return made;
}

TEST(AppConfiguration, nothing_is_undone_where_the_operator_changed_nothing) {
  const List before{backend("a"), backend("b")};
  EXPECT_EQ(undone_by_reading(before, before, before), Lines());
  EXPECT_EQ(undone_by_reading(before, before, {backend("c")}), Lines()) << "what the file itself changes";
  EXPECT_EQ(undone_by_reading(before, before, {backend("a", 3), backend("b")}), Lines());
}

TEST(AppConfiguration, each_change_that_the_file_contradicts_is_named) {
  const List before{backend("a"), backend("b")};
  const List in_force{backend("a", 5), backend("c")};
  const Lines undone = undone_by_reading(before, in_force, before);
  ASSERT_EQ(undone.size(), 3U);
  EXPECT_TRUE(undone[0].starts_with("a has the weight 1 of the file again"));
  EXPECT_TRUE(undone[1].starts_with("c goes"));
  EXPECT_TRUE(undone[2].starts_with("b is back"));
}

TEST(AppConfiguration, what_the_file_has_taken_over_is_not_undone) {
  const List before{backend("a"), backend("b")};
  const List in_force{backend("a", 5), backend("c")};
  EXPECT_EQ(undone_by_reading(before, in_force, in_force), Lines());
}

}  // namespace
}  // namespace lb::app
