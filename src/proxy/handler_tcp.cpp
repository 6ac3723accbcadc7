#include "proxy/handler.ipp"
#include "upstream/tcp_transport.hpp"

namespace lb::proxy {

template class Exchange<upstream::TcpTransport<net::TcpConnector>>;
template class Handler<upstream::TcpTransport<net::TcpConnector>>;

}  // namespace lb::proxy
