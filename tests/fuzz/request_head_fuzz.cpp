// Request heads: no crash on any bytes, the same verdict for any split, and what is forwarded reads back as one head.
#include "heads.hpp"
#include "http/framing.hpp"
#include "http/head_writer.hpp"

using namespace lb;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t step = data[0] % 16 + 1U;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  http::HeadParser parser(http::HeadParser::Kind::request, fuzz::kLimits);
  if (fuzz::parse_both_ways(parser, text, step).progress != http::HeadParser::Progress::complete) return 0;

  http::RequestHead head;
  if (!parser.cut_request(text, head) || !http::check_request_fields(head)) return 0;
  const auto framing = http::request_framing(head);
  if (!framing) return 0;
  http::ForwardedRequest forwarded;
  const auto options = http::connection_options(head.version, head.fields);
  if (!http::write_forwarded_request(head, *framing, options, {.client_address = "192.0.2.1"}, forwarded)) return 0;

  // The backend must see exactly one head, framed as ours was.
  const std::string sent = forwarded.head + (forwarded.host_missing ? "Host: b\r\n" : "") + "\r\n";
  http::HeadParser backend(http::HeadParser::Kind::request, {1U << 16U, 256});
  if (backend.feed(sent) != http::HeadParser::Progress::complete || backend.head_bytes() != sent.size()) std::abort();
  http::RequestHead seen;
  if (!backend.cut_request(sent, seen) || !http::check_request_fields(seen)) std::abort();
  const auto seen_framing = http::request_framing(seen);
  if (!seen_framing || seen_framing->kind != framing->kind || seen_framing->length != framing->length) std::abort();
  if (seen.method_name != head.method_name || seen.target != head.target) std::abort();
  return 0;
}
