// What a request's and an answer's head cost: reading (grammar, cutting, framing), and writing the head that is sent
// on.
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "http/framing.hpp"
#include "http/h1_parser.hpp"
#include "http/head_writer.hpp"

namespace {

using namespace lb;

constexpr http::HeadLimits kLimits{32 * 1024, 128};

constexpr std::string_view kCurl =
    "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n";

constexpr std::string_view kBrowser =
    "GET /articles/chairs?page=4&order=price HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n"
    "Referer: https://shop.example.com/articles/chairs?page=3&order=price\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; cart=8f14e45fceea167a5a36dedd4bea2543; "
    "consent=necessary%2Cstatistics; visited=1700000000.1700086400.7; locale=en_GB\r\n"
    "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-User: ?1\r\nPriority: u=0, i\r\n\r\n";

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 23 Nov 2026 00:00:00 GMT\r\nContent-Type: text/html\r\n"
    "Content-Length: 1024\r\nConnection: keep-alive\r\nETag: \"5e9f-400\"\r\nAccept-Ranges: bytes\r\n\r\n";

void count_bytes(benchmark::State& state, std::string_view text) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(text.size()));
}

// Everything that is asked of a head before it is known what to do with it.
bool read(http::HeadParser& parser, std::string_view text, http::RequestHead& head) {
  parser.reset();
  return parser.feed(text) == http::HeadParser::Progress::complete && parser.cut_request(text, head) &&
         http::check_request_fields(head) && http::request_framing(head);
}
bool read(http::HeadParser& parser, std::string_view text, http::ResponseHead& head) {
  parser.reset();
  return parser.feed(text) == http::HeadParser::Progress::complete && parser.cut_response(text, head) &&
         http::response_framing(head, http::Method::get);
}

template <class Head>
void read_again_and_again(benchmark::State& state, http::HeadParser::Kind kind, std::string_view text) {
  http::HeadParser parser(kind, kLimits);
  Head head;
  for (auto _ : state) {
    if (!read(parser, text, head)) return state.SkipWithError("it was refused");
  }
  count_bytes(state, text);
}

void read_request_head(benchmark::State& state, std::string_view text) {
  read_again_and_again<http::RequestHead>(state, http::HeadParser::Kind::request, text);
}
BENCHMARK_CAPTURE(read_request_head, curl, kCurl);
BENCHMARK_CAPTURE(read_request_head, browser, kBrowser);

void read_response_head(benchmark::State& state) {
  read_again_and_again<http::ResponseHead>(state, http::HeadParser::Kind::response, kAnswer);
}
BENCHMARK(read_response_head);

void write_request_head(benchmark::State& state, std::string_view text) {
  http::HeadParser parser(http::HeadParser::Kind::request, kLimits);
  http::RequestHead head;
  http::ForwardedRequest forwarded;
  if (!read(parser, text, head)) return state.SkipWithError("it was refused");
  const http::Framing framing;
  for (auto _ : state) {
    const auto options = http::connection_options(head.version, head.fields);
    benchmark::DoNotOptimize(
        http::write_forwarded_request(head, framing, options, {.client_address = "192.0.2.1"}, forwarded).has_value());
    benchmark::DoNotOptimize(forwarded.head.data());
  }
  count_bytes(state, text);
}
BENCHMARK_CAPTURE(write_request_head, curl, kCurl);
BENCHMARK_CAPTURE(write_request_head, browser, kBrowser);

void write_response_head(benchmark::State& state) {
  http::HeadParser parser(http::HeadParser::Kind::response, kLimits);
  http::ResponseHead head;
  std::string sent;
  if (!read(parser, kAnswer, head)) return state.SkipWithError("it was refused");
  const http::ResponseForm form{http::BodyKind::length, http::ClientPersistence::keep_alive_implied, {}, {}};
  for (auto _ : state) {
    sent.clear();
    http::write_forwarded_response(head, form, sent);
    benchmark::DoNotOptimize(sent.data());
  }
  count_bytes(state, kAnswer);
}
BENCHMARK(write_response_head);

}  // namespace
