#include "proxy/handler.ipp"
#include "upstream/tcp_transport.hpp"

namespace lb::proxy {

template class Exchange<upstream::TcpTransport>;
template class Handler<upstream::TcpTransport>;

}  // namespace lb::proxy
