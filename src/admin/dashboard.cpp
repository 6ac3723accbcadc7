#include "admin/dashboard.hpp"

namespace lb::admin {

net::Awaitable<Answer> answer_dashboard(Control&, const Request&) {
  Answer answer;
  answer.content_type = "text/html; charset=utf-8";
  answer.body = kDashboardPage;
  answer.fields = "Content-Security-Policy: " + std::string(kDashboardPolicy) +
                  "\r\nReferrer-Policy: no-referrer\r\nX-Frame-Options: DENY\r\n";
  co_return answer;
}

}  // namespace lb::admin
