#include "acme/jws.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "acme/text.hpp"

namespace lb::acme {

std::string signed_request(const Key& key, std::string_view account, std::string_view nonce, std::string_view url,
                           std::string_view payload) {
  boost::json::object header;
  header["alg"] = "ES256";
  header["nonce"] = nonce;
  header["url"] = url;
  if (!account.empty()) header["kid"] = account;
  std::string head = boost::json::serialize(header);
  if (account.empty()) {
    head.pop_back();
    head += ",\"jwk\":" + key.jwk() + "}";
  }
  const std::string head64 = base64url(head);
  const std::string payload64 = base64url(payload);
  boost::json::object request;
  request["protected"] = head64;
  request["payload"] = payload64;
  request["signature"] = base64url(key.sign(head64 + "." + payload64));
  return boost::json::serialize(request);
}

}  // namespace lb::acme
