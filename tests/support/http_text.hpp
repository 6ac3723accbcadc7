// Whole HTTP messages out of a growing text, for scripted peers. Reads with the parts of src/http, which have tests of
// their own.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "http/chunked.hpp"
#include "http/framing.hpp"
#include "http/h1_parser.hpp"

namespace lb::test {

struct Message {
  std::string method;  // of a request
  std::string target;
  unsigned status = 0;  // of a response
  std::string head;     // as it came, with the empty line
  std::string body;
  std::string trailers;
  bool close = false;        // Connection: close
  bool until_close = false;  // the end of the connection ends the body
};

// What the front of a text is.
enum class Cut : std::uint8_t { whole, part, garbage };

// Cuts the body that begins at `at` of `text`; on success `at` is its end. A body until close is a part.
inline Cut cut_body(const http::Framing& framing, const std::string& text, std::size_t& at, Message& message) {
  const std::string_view rest = std::string_view(text).substr(at);
  switch (framing.kind) {
    case http::BodyKind::none:
      return Cut::whole;
    case http::BodyKind::until_close:
      message.body = rest;
      return Cut::part;
    case http::BodyKind::length:
      message.body = rest.substr(0, framing.length);
      at += message.body.size();
      return message.body.size() == framing.length ? Cut::whole : Cut::part;
    case http::BodyKind::chunked:
      break;
  }
  http::ChunkedDecoder decoder;
  decoder.reset(100);
  while (at < text.size()) {
    const auto step = decoder.next(std::string_view(text).substr(at));
    if (!step) return Cut::garbage;
    message.body += step->data;
    at += step->consumed;
    if (step->event == http::ChunkedDecoder::Event::end) {
      message.trailers = decoder.trailers();
      return Cut::whole;
    }
  }
  return Cut::part;
}

// Takes a whole request off the front of `text`.
inline Cut cut_request(std::string& text, Message& message) {
  message = {};
  http::HeadParser parser(http::HeadParser::Kind::request, {64 * 1024, 100});
  if (text.empty()) return Cut::part;
  const auto progress = parser.feed(text);
  if (progress != http::HeadParser::Progress::complete) {
    return progress == http::HeadParser::Progress::failed ? Cut::garbage : Cut::part;
  }
  http::RequestHead head;
  if (!parser.cut_request(text, head)) return Cut::garbage;
  const auto framing = http::request_framing(head);
  if (!framing) return Cut::garbage;
  message.method = head.method_name;
  message.target = head.target;
  std::size_t at = parser.head_bytes();
  message.head = text.substr(0, at);
  const Cut cut = cut_body(*framing, text, at, message);
  if (cut == Cut::whole) text.erase(0, at);
  return cut;
}

// Takes a whole final response off the front of `text`, and the interim ones before it.
inline Cut cut_response(std::string& text, http::Method method, Message& message) {
  for (;;) {
    message = {};
    http::HeadParser parser(http::HeadParser::Kind::response, {64 * 1024, 100});
    if (text.empty()) return Cut::part;
    const auto progress = parser.feed(text);
    if (progress != http::HeadParser::Progress::complete) {
      return progress == http::HeadParser::Progress::failed ? Cut::garbage : Cut::part;
    }
    http::ResponseHead head;
    if (!parser.cut_response(text, head)) return Cut::garbage;
    const auto framing = http::response_framing(head, method);
    if (!framing) return Cut::garbage;
    std::size_t at = parser.head_bytes();
    if (head.status < 200) {
      text.erase(0, at);
      continue;
    }
    message.status = head.status;
    message.head = text.substr(0, at);
    message.until_close = framing->kind == http::BodyKind::until_close;
    message.close = !http::connection_options(head.version, head.fields).keep_alive;
    const Cut cut = cut_body(*framing, text, at, message);
    if (cut == Cut::whole) text.erase(0, at);
    return cut;
  }
}

}  // namespace lb::test
