"""torch.nn.attention.flex_attention without a compiler: outputs, block masks, printing and messages."""

import torch
from torch.nn.attention import flex_attention as flex

from fixtures import values, write

flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = True
OFFSETS = torch.tensor([[0.5, -1.0, 2.0, 0.0, 1.0], [1.0, 0.0, -0.5, 3.0, 0.25]])
DOCUMENTS = torch.tensor([0, 0, 1, 1, 1, 2, 2, 2])

MASKS = {
    "causal": lambda b, h, q, k: q >= k,
    "window": lambda b, h, q, k: (q - k).abs() <= 1,
    "documents": lambda b, h, q, k: DOCUMENTS[q] == DOCUMENTS[k],
    "heads": lambda b, h, q, k: k <= q + h,
    "late": lambda b, h, q, k: (k > 0) & (q > 1),
}
MASKS["causal and window"] = flex.and_masks(MASKS["causal"], MASKS["window"])
MASKS["window or late"] = flex.or_masks(MASKS["window"], MASKS["late"])
MASKS["all"] = flex.noop_mask
SCORES = {
    "distance": lambda score, b, h, q, k: score - (q - k).abs() * 0.1,
    "table": lambda score, b, h, q, k: score + OFFSETS[h, q - k + 2],
    "cap": lambda score, b, h, q, k: 3 * torch.tanh(score / 3),
    "batch": lambda score, b, h, q, k: torch.where(b == 0, score, score * 2),
    "hidden": lambda score, b, h, q, k: torch.where(q >= k, score, -float("inf")),
}


def message(function):
    try:
        function()
    except Exception as error:
        return str(error)
    raise AssertionError("no error")


def drawn(batch, heads, queries, keys, key_heads=None, dtype=torch.float32, key_batch=None):
    torch.manual_seed(0)
    shapes = [(batch, heads, queries, 4)] + [(key_batch or batch, key_heads or heads, keys, 4)] * 2
    return [torch.randn(shape, dtype=dtype) for shape in shapes]


def attended(sizes, mask=None, score=None, **options):
    q, k, v = drawn(*sizes)
    if mask is not None:
        heads = sizes[1] if mask == "heads" else None
        options["block_mask"] = flex.create_block_mask(MASKS[mask], None, heads, sizes[2], sizes[3], device="cpu", BLOCK_SIZE=2)
    return flex.flex_attention(q, k, v, SCORES.get(score), **options)


def attention():
    cases = []
    for sizes, mask, score, options in [
        [[2, 2, 3, 3], None, None, {}], [[2, 2, 3, 3], None, "distance", {}], [[2, 2, 3, 3], "causal", "table", {}],
        [[2, 2, 3, 3], "heads", "cap", {"scale": 0.25}], [[1, 2, 8, 8], "documents", None, {}],
        [[2, 4, 3, 5, 2], "window", "distance", {"enable_gqa": True}], [[2, 1, 4, 4], "late", "batch", {}],
        [[1, 1, 4, 4], "causal and window", None, {}], [[1, 1, 4, 4], "window or late", "hidden", {}],
    ]:
        case = {"sizes": sizes, "mask": mask, "score": score, "options": options}
        output, lse = attended(sizes, mask, score, return_lse=True, **options)
        cases.append(case | {"output": values(output), "lse": values(lse)})
    doubled = drawn(1, 1, 2, 2, dtype=torch.float64)
    return {"cases": cases, "double": values(flex.flex_attention(*doubled)),
            "half": values(flex.flex_attention(*(t.half() for t in doubled)))}


def gradients():
    """Of causal attention with a distance in its scores, which the older function can compute too."""
    q, k, v = (t.requires_grad_() for t in drawn(2, 2, 3, 3))
    at = torch.arange(3.0)
    bias = -(at[:, None] - at).abs() * 0.1
    bias = bias.masked_fill(at[:, None] < at, -float("inf"))
    torch.nn.functional.scaled_dot_product_attention(q, k, v, bias).square().sum().backward()
    return [values(t.grad) for t in (q, k, v)]


def blocks():
    cases = []
    for mask, B, H, q, k, size, separate in [
        ["causal", None, None, 8, 8, 2, True], ["causal", None, None, 8, 8, 2, False], ["documents", 1, 2, 8, 8, [4, 2], True],
        ["heads", 2, 3, 5, 7, 2, True], ["all", None, None, 4, 4, 2, True], ["window", None, None, 64, 64, 1, True],
    ]:
        block_size = tuple(size) if isinstance(size, list) else size
        made = flex.create_block_mask(MASKS[mask], B, H, q, k, device="cpu", BLOCK_SIZE=block_size, separate_full_blocks=separate)
        tensors = {name: None if getattr(made, name) is None else values(getattr(made, name)) for name in TENSORS}
        cases.append({
            "mask": mask, "args": [B, H, q, k], "size": size, "separate": separate, "text": str(made), "shape": list(made.shape),
            "sparsity": made.sparsity(), "tensors": tensors if q < 64 else {}, "whole": made.to_string(grid_size=-1, limit=1),
            "small": made.to_string((3, 2)), "dense": values(made.to_dense()),
        })
    base = flex.create_block_mask(MASKS["heads"], 2, 3, 6, 8, device="cpu", BLOCK_SIZE=2)
    others = {"first": base[0], "head": base[:, -1], "row": base[1, 1:, 0], "adjusted": base._adjust(4, 4)}
    return {"cases": cases, "others": {name: {"text": str(other), "dense": values(other.to_dense())} for name, other in others.items()},
            "mask": values(flex.create_mask(MASKS["heads"], 2, 3, 2, 4, device="cpu")),
            "score": values(flex.create_mask(SCORES["hidden"], None, None, 3, 3, device="cpu")),
            "tuple": len(base.as_tuple()), "pairs": len(base.as_tuple(flatten=False))}


TENSORS = ["kv_num_blocks", "kv_indices", "full_kv_num_blocks", "full_kv_indices", "q_num_blocks", "q_indices",
           "full_q_num_blocks", "full_q_indices"]


def messages():
    q, k, v = drawn(2, 2, 4, 4)
    causal = flex.create_block_mask(MASKS["causal"], None, None, 4, 4, device="cpu", BLOCK_SIZE=2)
    wide = flex.create_block_mask(MASKS["causal"], None, None, 8, 8, device="cpu", BLOCK_SIZE=2)
    attend = flex.flex_attention
    return {
        "embedding": message(lambda: attend(q, k[..., :2], v)), "heads": message(lambda: attend(q, k[:, :1], v[:, :1])),
        "groups": message(lambda: attend(*drawn(1, 3, 4, 4, 2), enable_gqa=True)),
        "dimensions": message(lambda: attend(q[0], k[0], v[0])), "batch": message(lambda: attend(q, k[:1], v[:1])),
        "mask's batch": message(lambda: attend(q, k[:1], v[:1], block_mask=causal)),
        "smaller": message(lambda: attend(*drawn(2, 2, 6, 6), block_mask=causal)), "larger": message(lambda: attend(q, k, v, block_mask=wide)),
        "sliced": message(lambda: attend(q, k, v, block_mask=causal[0])),
        "both": message(lambda: attend(q, k, v, return_lse=True, return_aux=flex.AuxRequest(lse=True))),
        "arguments": message(lambda: flex.create_mask(lambda b, h: b, None, None, 2, 2, device="cpu")),
        "parts": message(lambda: flex.BlockMask.from_kv_blocks(causal.kv_num_blocks, causal.kv_indices, causal.kv_num_blocks)),
    }


write("flex_attention.json", {"attention": attention(), "gradients": gradients(), "blocks": blocks(), "messages": messages()})
