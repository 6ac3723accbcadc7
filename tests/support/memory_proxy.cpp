#include "support/memory_proxy.hpp"

#include "proxy/handler.ipp"

namespace lb::proxy {

template class Exchange<test::MemoryTransport>;
template class Handler<test::MemoryTransport>;

}  // namespace lb::proxy
