// Boost.JSON, which judges what the program writes, is compiled here.
#include <boost/json/src.hpp>
