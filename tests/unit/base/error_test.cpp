#include "base/error.hpp"

#include <cerrno>
#include <string_view>

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>

namespace lb::base {
namespace {

struct KindCase {
  boost::system::error_code code;
  ErrorKind kind;
};

// Goal: every failure of a read or write has one meaning. Method: the codes that the streams can give, as a table.
TEST(BaseError, codes_of_the_operating_system_have_one_kind_each) {
  using boost::system::generic_category;
  using boost::system::system_category;
  for (const KindCase& c : {
           KindCase{{ECONNRESET, system_category()}, ErrorKind::reset},
           KindCase{{ECONNRESET, generic_category()}, ErrorKind::reset},
           KindCase{{EPIPE, system_category()}, ErrorKind::reset},
           KindCase{{ECONNABORTED, system_category()}, ErrorKind::reset},
           KindCase{{ECONNREFUSED, system_category()}, ErrorKind::connect_refused},
           KindCase{{ETIMEDOUT, system_category()}, ErrorKind::timeout},
           KindCase{{ECANCELED, system_category()}, ErrorKind::cancelled},
           KindCase{boost::asio::error::operation_aborted, ErrorKind::cancelled},
           KindCase{{EMFILE, system_category()}, ErrorKind::no_resources},
           KindCase{{ENFILE, system_category()}, ErrorKind::no_resources},
           KindCase{{ENOBUFS, system_category()}, ErrorKind::no_resources},
           KindCase{{ENOMEM, system_category()}, ErrorKind::no_resources},
           KindCase{{EADDRNOTAVAIL, system_category()}, ErrorKind::no_resources},
           KindCase{{EBADF, system_category()}, ErrorKind::io},
           KindCase{{EHOSTUNREACH, system_category()}, ErrorKind::io},
           KindCase{boost::asio::error::eof, ErrorKind::closed},
       }) {
    EXPECT_EQ(kind_of(c.code), c.kind) << c.code.message();
  }
}

TEST(BaseError, every_kind_and_side_has_a_name_of_its_own) {
  for (unsigned kind = 0; kind <= static_cast<unsigned>(ErrorKind::io); ++kind) {
    const std::string_view name = to_string(static_cast<ErrorKind>(kind));
    EXPECT_FALSE(name.empty());
    EXPECT_NE(name, "unknown error") << kind;
    for (unsigned other = 0; other < kind; ++other) EXPECT_NE(name, to_string(static_cast<ErrorKind>(other)));
  }
  EXPECT_EQ(to_string(Side::downstream), "client");
  EXPECT_EQ(to_string(Side::upstream), "backend");
  EXPECT_EQ(to_string(Side::internal), "balancer");
}

TEST(BaseError, errors_are_equal_by_kind_and_side_whatever_their_detail) {
  EXPECT_EQ((Error{ErrorKind::closed, Side::upstream, "one"}), (Error{ErrorKind::closed, Side::upstream, "two"}));
  EXPECT_NE((Error{ErrorKind::closed, Side::upstream, ""}), (Error{ErrorKind::closed, Side::downstream, ""}));
  EXPECT_NE((Error{ErrorKind::closed, Side::upstream, ""}), (Error{ErrorKind::reset, Side::upstream, ""}));
}

TEST(BaseError, a_result_holds_a_value_or_an_error) {
  const Result<int> good = 3;
  const Result<int> bad = Error{ErrorKind::timeout, Side::upstream, "late"};
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 3);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().kind, ErrorKind::timeout);
  EXPECT_EQ(bad.error().detail, "late");
}

TEST(BaseErrorDeathTest, taking_the_value_of_an_error_is_our_own_mistake) {
  const Result<int> bad = Error{ErrorKind::timeout, Side::upstream, "late"};
  EXPECT_DEATH(static_cast<void>(bad.value()), "broken invariant");
}

}  // namespace
}  // namespace lb::base
