#include "config/units.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "config/nearest_name.hpp"

namespace lb::config {
namespace {

struct AmountCase {
  std::string_view text;
  std::uint64_t amount;
};

struct ProblemCase {
  std::string_view text;
  std::string_view problem;
};

TEST(ConfigUnits, durations_are_read_in_every_unit_and_combination) {
  for (const AmountCase& c :
       {AmountCase{"250ms", 250}, AmountCase{"10s", 10'000}, AmountCase{"2m", 120'000}, AmountCase{"24h", 86'400'000},
        AmountCase{"1.5s", 1'500}, AmountCase{"0.1s", 100}, AmountCase{"1m30s", 90'000},
        AmountCase{"1h0m0.25s", 3'600'250}, AmountCase{"10 s", 10'000}, AmountCase{"0", 0}, AmountCase{"0s", 0},
        AmountCase{"007s", 7'000}}) {
    const Amount amount = parse_duration(c.text);
    EXPECT_EQ(amount.problem, "") << c.text;
    EXPECT_EQ(amount.amount, c.amount) << c.text;
  }
}

TEST(ConfigUnits, wrong_durations_say_what_is_wrong) {
  for (const ProblemCase& c :
       {ProblemCase{"", "is not a duration"}, ProblemCase{"ten", "is not a duration"},
        ProblemCase{"-5s", "is not a duration"}, ProblemCase{"1..5s", "is not a duration"},
        ProblemCase{".5s", "is not a duration"}, ProblemCase{"5.s", "is not a duration"},
        ProblemCase{"30s1m", "is not a duration"}, ProblemCase{"1s1s", "is not a duration"},
        ProblemCase{"1.0000000001s", "is not a duration"}, ProblemCase{"10", "has no unit"},
        ProblemCase{"1m30", "has no unit"}, ProblemCase{"10d", "has an unknown unit \"d\""},
        ProblemCase{"10 S", "has an unknown unit \"S\""}, ProblemCase{"1s ", "has an unknown unit \"s \""},
        ProblemCase{"0.5ms", "is finer than 1ms"}, ProblemCase{"1.0005s", "is finer than 1ms"},
        ProblemCase{"18446744073709551616ms", "is too large"}, ProblemCase{"18446744073709551615h", "is too large"},
        ProblemCase{"5124095576030h999999999999999999m", "is too large"}}) {
    EXPECT_EQ(parse_duration(c.text).problem, c.problem) << c.text;
  }
}

TEST(ConfigUnits, sizes_are_read_in_binary_and_decimal_units) {
  for (const AmountCase& c :
       {AmountCase{"1B", 1}, AmountCase{"64KiB", 65'536}, AmountCase{"1MiB", 1'048'576},
        AmountCase{"2GiB", 2'147'483'648}, AmountCase{"1KB", 1'000}, AmountCase{"1MB", 1'000'000},
        AmountCase{"3GB", 3'000'000'000}, AmountCase{"1.5KiB", 1'536}, AmountCase{"64 kib", 65'536}, AmountCase{"0", 0},
        AmountCase{"0B", 0}, AmountCase{"18446744073709551615B", UINT64_MAX}}) {
    const Amount amount = parse_size(c.text);
    EXPECT_EQ(amount.problem, "") << c.text;
    EXPECT_EQ(amount.amount, c.amount) << c.text;
  }
}

TEST(ConfigUnits, wrong_sizes_say_what_is_wrong) {
  for (const ProblemCase& c :
       {ProblemCase{"", "is not a size"}, ProblemCase{"big", "is not a size"}, ProblemCase{"1KiB2B", "is not a size"},
        ProblemCase{"64", "has no unit"}, ProblemCase{"64K", "has an unknown unit \"K\""},
        ProblemCase{"1.0001KiB", "is not a whole number of bytes"},
        ProblemCase{"18446744073709551616B", "is too large"}, ProblemCase{"17179869184GiB", "is too large"}}) {
    EXPECT_EQ(parse_size(c.text).problem, c.problem) << c.text;
  }
}

// Goal: what -print-config writes can be read. Method: format and parse amounts around every unit.
TEST(ConfigUnits, formatted_amounts_read_back_as_themselves) {
  EXPECT_EQ(format_duration(0), "0s");
  EXPECT_EQ(format_duration(90'000), "90s");
  EXPECT_EQ(format_duration(120'000), "2m");
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(65'536), "64KiB");
  EXPECT_EQ(format_size(1'000), "1000B");
  for (const std::uint64_t amount :
       {std::uint64_t{1}, std::uint64_t{999}, std::uint64_t{1'000}, std::uint64_t{1'024}, std::uint64_t{60'000},
        std::uint64_t{3'600'001}, std::uint64_t{1} << 40U, UINT64_MAX}) {
    EXPECT_EQ(parse_duration(format_duration(amount)).amount, amount);
    EXPECT_EQ(parse_size(format_size(amount)).amount, amount);
  }
}

TEST(ConfigNearestName, counts_edits_and_ignores_capitals) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("prot", "port"), 1U);
  EXPECT_EQ(edit_distance("Port", "port"), 0U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(ConfigNearestName, hints_at_slips_and_abbreviations_only) {
  constexpr std::string_view kNames[] = {"port", "address", "warning"};
  EXPECT_EQ(nearest_name("prot", kNames), "port");
  EXPECT_EQ(nearest_name("adress", kNames), "address");
  EXPECT_EQ(nearest_name("warn", kNames), "warning");
  EXPECT_EQ(nearest_name("colour", kNames), std::nullopt);
  EXPECT_EQ(nearest_name("", kNames), std::nullopt);
  EXPECT_EQ(nearest_name(std::string(1'000'000, 'p'), kNames), std::nullopt);
}

}  // namespace
}  // namespace lb::config
