// Compiled once for each set of vector instructions (CMakeLists.txt), with TSTORCH_CAPABILITY as
// the namespace. Nothing in this folder may come from a header that others use too, beyond
// libtorch's vector types, whose names carry the instruction set: the linker keeps one copy of an
// inline function, and that one must run on every CPU.
#include "recurrent/kernels/backward.h"
#include "recurrent/kernels/forward.h"

namespace recurrent::TSTORCH_CAPABILITY {

template <typename T>
Kernels<T> kernels() {
  return {packed_size<T>, pack<T>, forward<T>, backward<T>};
}
template Kernels<float> kernels<float>();
template Kernels<double> kernels<double>();

}  // namespace recurrent::TSTORCH_CAPABILITY
