"""torch.nn.attention: causal biases, and the kernels that are chosen on a CPU."""

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.bias import CausalBias, causal_lower_right, causal_upper_left
from torch.nn.functional import scaled_dot_product_attention as attention

from fixtures import values, write


def message(function):
    try:
        function()
    except Exception as error:
        return str(error)
    raise AssertionError("no error")


def drawn(queries, keys):
    torch.manual_seed(0)
    return [torch.randn(1, 2, n, 4) for n in (queries, keys, keys)]


def biased():
    cases = []
    for make in (causal_upper_left, causal_lower_right):
        for queries, keys in [(3, 3), (2, 4), (4, 2)]:
            bias = make(queries, keys)
            q, k, v = drawn(queries, keys)
            q.requires_grad_()
            output = attention(q, k, v, bias)
            output.nan_to_num().sum().backward()
            cases.append({"make": make.__name__, "size": [queries, keys], "text": str(bias), "output": values(output),
                          "scaled": values(attention(q, k, v, attn_mask=bias, scale=0.25)), "gradient": values(q.grad)})
    return cases


def kernel(*args, **options):
    """What computes, with which choice, and in which order they are tried."""
    q, k, v = drawn(3, 3)
    with sdpa_kernel(*args, **options):
        order = torch._C._get_sdp_priority_order()
        try:
            name = attention(q, k, v.requires_grad_()).grad_fn.name()
        except RuntimeError as error:
            name = str(error)
    return {"name": name, "order": order, "after": torch._C._get_sdp_priority_order()}


q, k, v = drawn(2, 2)
write("attention.json", {
    "biased": biased(),
    "backends": {name: int(backend) for name, backend in SDPBackend.__members__.items()},
    "kernels": {
        "default": kernel(list(SDPBackend.__members__.values())[1:]),
        "flash": kernel(SDPBackend.FLASH_ATTENTION), "math": kernel([SDPBackend.MATH, SDPBackend.MATH]),
        "efficient": kernel([SDPBackend.EFFICIENT_ATTENTION]),
        "ordered": kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION], set_priority=True),
    },
    "messages": {
        "causal": message(lambda: attention(q, k, v, causal_upper_left(2, 2), is_causal=True)),
        "size": message(lambda: causal_lower_right(2)),
    },
})
