// Boost.JSON, compiled here once; everybody else includes <boost/json.hpp>, which declares.
#include <boost/json/src.hpp>
