// The C library's functions, which Python's arithmetic on numbers is made of. JavaScript's own
// differ in the last bit of some results: Math.cos and Math.log, and up to Node.js 22 Math.pow.
#include "exports.h"

namespace {

napi_value pow(Call& call) { return call.value(std::pow(call.number(0), call.number(1))); }

napi_value cos(Call& call) { return call.value(std::cos(call.number(0))); }

napi_value log(Call& call) { return call.value(std::log(call.number(0))); }

}  // namespace

void export_mathematics(Environment& env, napi_value exports) {
  export_function(env, exports, "pow", enter<pow>);
  export_function(env, exports, "cos", enter<cos>);
  export_function(env, exports, "log", enter<log>);
}
