"""Lists the public names of PyTorch's namespaces, as scripts/generate/public_names.json.

Run with the pinned torch, and tensorboard 2.21: python3 scripts/reference/public_names.py
A namespace's names are those of its __all__, or, without one, those that it or torch's C++ defines. The C++ types that
torch shows at its top (of TorchScript, above all) are left out: they are nobody's API.
"""

import importlib
import json
import pathlib
import types

import torch
from torch.backends import PropModule

# The namespaces that PyTorch documents: https://docs.pytorch.org/docs/2.13/pytorch-api.html
SPACES = """
torch torch.Tensor
torch.nn torch.nn.functional torch.nn.init torch.nn.attention torch.nn.attention.bias torch.nn.attention.flex_attention
torch.nn.attention.varlen torch.nn.parallel
torch.nn.utils torch.nn.utils.parametrizations torch.nn.utils.parametrize torch.nn.utils.prune torch.nn.utils.rnn
torch.nn.utils.stateless
torch.optim torch.optim.lr_scheduler torch.optim.swa_utils
torch.autograd torch.autograd.forward_ad torch.autograd.functional torch.autograd.graph torch.autograd.profiler
torch.utils torch.utils.benchmark torch.utils.checkpoint torch.utils.cpp_extension torch.utils.data
torch.utils.tensorboard
torch.utils.dlpack torch.utils.flop_counter torch.utils.hooks torch.utils.mobile_optimizer torch.utils.module_tracker
torch.linalg torch.fft torch.special torch.signal.windows torch.masked torch.sparse torch.nested torch.random
torch.amp torch.cuda torch.cuda.amp torch.cuda.memory torch.cuda.nvtx torch.cuda.tunable
torch.backends.cpu torch.backends.cuda torch.backends.cudnn torch.backends.mkl torch.backends.mkldnn torch.backends.mps
torch.backends.openmp torch.backends.opt_einsum
torch.profiler torch.testing torch.overrides torch.library torch.serialization torch.storage torch.types torch.hub
torch.accelerator torch.cpu torch.mps torch.mtia torch.xpu
torch.distributions torch.distributions.constraints torch.distributions.kl torch.distributions.transforms
torch.distributed torch.distributed.algorithms.join torch.distributed.checkpoint torch.distributed.fsdp
torch.distributed.optim torch.distributed.pipelining torch.distributed.rpc torch.distributed.tensor
torch.distributed.tensor.parallel torch.multiprocessing torch.futures torch.monitor
torch.func torch.compiler torch.export torch.fx torch.jit torch.onnx torch.package torch.ao.pruning
torch.ao.quantization
"""

# Names that Python's modules carry and no documentation shows.
INSIDES = {"TYPE_CHECKING", "common_notes", "reproducibility_notes", "sparse_support_notes", "tf32_notes",
           "prepare_multiprocessing_environment", "USE_GLOBAL_DEPS", "USE_RTLD_GLOBAL_WITH_LIBTORCH", "get_file_path",
           "classproperty", "profiler_allow_cudagraph_cupti_lazy_reinit_cuda12", "PRIVATE_OPS", "LoggerBase"}


def defined(space, value):
    """Whether a namespace without an __all__ defines a name, and does not merely import it."""
    module = getattr(value, "__module__", None) or type(value).__module__
    return isinstance(module, str) and (module.startswith((space, "torch._C")) or module == "torch")


def names_of(space):
    if space == "torch.Tensor":
        names = set(dir(torch.Tensor))
    else:
        module = importlib.import_module(space)
        found = {name for name in dir(module) if defined(space, getattr(module, name))}
        if isinstance(module, PropModule):
            # A class with switches stands in for the module.
            found = {name for name in dir(module.m) if defined(space, getattr(module.m, name))}
            found |= set(vars(type(module)))
        listed = getattr(module, "__all__", None)
        # torch's own is made of what it holds at some point of its import.
        names = found if listed is None else set(listed) | (found if space == "torch" else set())
        names = {name for name in names if not isinstance(getattr(module, name, None), types.ModuleType)}
        if space == "torch":
            names = {name for name in names if type(getattr(torch, name)).__name__ != "pybind11_type"}
    if space != "torch":
        names.discard("Tensor")
    return sorted(name for name in names if not name.startswith("_") and name not in INSIDES)


target = pathlib.Path(__file__).parent.parent / "generate" / "public_names.json"
lines = [f' "{space}": {json.dumps(" ".join(names_of(space)))}' for space in SPACES.split()]
version = torch.__version__.split("+")[0]
target.write_text("{\n" + f' "torch_version": "{version}",\n' + ",\n".join(lines) + "\n}\n")
print(f"{target.name}: {len(lines)} namespaces")
