"""Twenty steps of every optimizer in the cases of optimizers.json, in each dtype: prints what the parameters are then, as
JSON. optimizers.ts does the same.
"""

import json
import pathlib

import torch

STEPS = 20
CASES = json.loads((pathlib.Path(__file__).parent / "optimizers.json").read_text())
DTYPES = ["float32", "float64", "bfloat16", "float16", "complex64", "tensor_lr"]


def takes(name, options, dtype):
    """Whether the optimizer takes parameters of the dtype, or a tensor as its learning rate."""
    if dtype == "complex64":
        return name not in ("Adafactor", "Muon", "SparseAdam") and not options.get("fused")
    if dtype == "tensor_lr":
        return not options.get("foreach")
    return name != "SparseAdam" or dtype in ("float32", "float64")


def run(name, options, kind, halfway=None):
    """The parameters and the optimizer after all steps; `halfway` sees both after half of them."""
    dtype = torch.float32 if kind == "tensor_lr" else getattr(torch, kind)
    torch.manual_seed(7)
    shapes = [[3, 4], [5, 2]] if name in ("Muon", "SparseAdam") else [[3, 4], [7], [], [2, 3, 2]]
    parameters = [torch.randn(shape).to(dtype).requires_grad_() for shape in shapes]
    if kind == "tensor_lr":
        options = {**options, "lr": torch.tensor(options.get("lr", 0.01))}
    optimizer = getattr(torch.optim, name)(parameters, **options)
    for step in range(STEPS):
        for i, parameter in enumerate(parameters):
            gradient = torch.randn(shapes[i]).to(dtype)
            # The last parameter has no gradient at first: Python's fused SGD cannot do that.
            if step < 2 and i == len(shapes) - 1 and not options.get("fused"):
                continue
            if name == "SparseAdam":
                gradient = sparse(gradient)
            parameter.grad = gradient
        optimizer.step()
        if halfway is not None and step == STEPS // 2 - 1:
            halfway(parameters, optimizer)
    return parameters, optimizer


def numbers_of(parameters):
    return [number for parameter in parameters for number in numbers(parameter.detach())]


def sparse(gradient):
    """Two rows of it, one of them twice."""
    return torch.sparse_coo_tensor(torch.tensor([[2, 0, 2]]), gradient[:3], gradient.shape)


def numbers(tensor):
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return real.to(torch.float64).flatten().tolist()


if __name__ == "__main__":
    print(json.dumps({
        name: [{"dtype": dtype, "options": options, "numbers": numbers_of(run(name, options, dtype)[0])}
               for options in all_options for dtype in DTYPES if takes(name, options, dtype)]
        for name, all_options in CASES.items()
    }))
