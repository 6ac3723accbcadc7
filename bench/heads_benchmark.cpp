// What a request's and an answer's head cost: grammar, cutting, framing, and the head that is sent on.
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "http/framing.hpp"
#include "http/h1_parser.hpp"
#include "http/head_writer.hpp"

namespace {

using namespace lb;

constexpr http::HeadLimits kLimits{32 * 1024, 128};

constexpr std::string_view kRequest =
    "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n"
    "Host: www.kittyhell.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 23 Nov 2026 00:00:00 GMT\r\nContent-Type: text/html\r\n"
    "Content-Length: 1024\r\nConnection: keep-alive\r\nETag: \"5e9f-400\"\r\nAccept-Ranges: bytes\r\n\r\n";

void read_and_forward_request_head(benchmark::State& state) {
  http::HeadParser parser(http::HeadParser::Kind::request, kLimits);
  http::RequestHead head;
  http::ForwardedRequest forwarded;
  for (auto _ : state) {
    parser.reset();
    if (parser.feed(kRequest) != http::HeadParser::Progress::complete || !parser.cut_request(kRequest, head)) {
      return state.SkipWithError("the request was refused");
    }
    const auto framing = http::request_framing(head);
    const auto options = http::connection_options(head.version, head.fields);
    benchmark::DoNotOptimize(http::check_request_fields(head));
    benchmark::DoNotOptimize(http::write_forwarded_request(head, *framing, options, "192.0.2.1", "http", forwarded));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(kRequest.size()));
}
BENCHMARK(read_and_forward_request_head);

void read_and_forward_response_head(benchmark::State& state) {
  http::HeadParser parser(http::HeadParser::Kind::response, kLimits);
  http::ResponseHead head;
  std::string sent;
  for (auto _ : state) {
    parser.reset();
    if (parser.feed(kResponse) != http::HeadParser::Progress::complete || !parser.cut_response(kResponse, head)) {
      return state.SkipWithError("the response was refused");
    }
    const auto framing = http::response_framing(head, http::Method::get);
    sent.clear();
    http::write_forwarded_response(head, {framing->kind, http::ClientPersistence::keep_alive_implied, {}}, sent);
    benchmark::DoNotOptimize(sent.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(kResponse.size()));
}
BENCHMARK(read_and_forward_response_head);

}  // namespace
