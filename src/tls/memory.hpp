// The memory of OpenSSL's own objects.
#pragma once

namespace lb::tls {

// OpenSSL takes buffers of 17 and 22 KiB for each handshake, read and write of a connection that idled, and gives them
// back at once. From now on each thread keeps a few of them. Before anything else of OpenSSL is used; once.
void keep_buffers() noexcept;

}  // namespace lb::tls
