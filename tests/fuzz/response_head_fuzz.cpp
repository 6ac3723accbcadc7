// Response heads: no crash on any bytes, the same verdict for any split, and what is forwarded reads back as one head.
#include "heads.hpp"
#include "http/framing.hpp"
#include "http/head_writer.hpp"

using namespace lb;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t step = data[0] % 16 + 1U;
  const auto method = (data[0] & 0x80U) != 0 ? http::Method::head : http::Method::get;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  http::HeadParser parser(http::HeadParser::Kind::response, fuzz::kLimits);
  if (fuzz::parse_both_ways(parser, text, step).progress != http::HeadParser::Progress::complete) return 0;

  http::ResponseHead head;
  if (!parser.cut_response(text, head)) return 0;
  const auto framing = http::response_framing(head, method);
  if (!framing) return 0;
  http::ResponseForm form;
  form.body = framing->kind;
  form.date = "Thu, 01 Jan 1970 00:00:00 GMT";
  std::string sent;
  http::write_forwarded_response(head, form, sent);

  http::HeadParser client(http::HeadParser::Kind::response, {1U << 16U, 256});
  if (client.feed(sent) != http::HeadParser::Progress::complete || client.head_bytes() != sent.size()) std::abort();
  http::ResponseHead seen;
  if (!client.cut_response(sent, seen) || seen.status != head.status) std::abort();
  const auto seen_framing = http::response_framing(seen, method);
  if (!seen_framing || seen_framing->kind != framing->kind || seen_framing->length != framing->length) std::abort();
  return 0;
}
