#include "support/config_file.hpp"

#include <csignal>

#include <gtest/gtest.h>

namespace lb::support {

std::string table_of(const std::string& url, std::string_view lines) {
  return "[[backends]]\nurl = \"" + url + "\"\n" + std::string(lines);
}

std::string tables_of(const std::vector<const ScriptedBackend*>& backends) {
  std::string text;
  for (const ScriptedBackend* backend : backends) text += table_of(backend->url());
  return text;
}

void reload(const Balancer& balancer, ConfigFile& file, std::string_view text) {
  const std::size_t from = balancer.log().size();
  file.write(text);
  balancer.signal(SIGHUP);
  ASSERT_TRUE(balancer.wait_for_log(kInForce, from)) << balancer.log();
}

std::string letters(Client& client, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    const Message answer = client.ask(get());
    text += answer.status() == 200 && !answer.body.empty() ? answer.body.front() : '!';
  }
  return text;
}

std::string letters(const Balancer& balancer, int count) {
  Client client(balancer);
  return letters(client, count);
}

}  // namespace lb::support
