#include "net/ring_connector.hpp"
#include "proxy/handler.ipp"
#include "upstream/tcp_transport.hpp"

namespace lb::proxy {

template class Exchange<upstream::TcpTransport<net::RingConnector>>;
template class Handler<upstream::TcpTransport<net::RingConnector>>;

}  // namespace lb::proxy
