"""MultiheadAttention and the Transformer family: initial values under a seed, calls in training (with dropout's masks) and
in evaluation, gradients of inputs and parameters, which operators compute, and the errors of constructors and calls.

test/nn/transformer.test.ts makes the same modules and calls. Inputs and weights are drawn from the seeded generator, which
both sides share, and so are no part of the fixture. Initial values are float32's; all else is computed in float64.

Run: OMP_NUM_THREADS=1 python3 scripts/reference/transformer.py
"""

import sys
import warnings

import torch
from torch import nn

from fixtures import values, write_compact

warnings.simplefilter("ignore")
# What computes a call: these operators, counted.
WATCHED = ["_native_multi_head_attention", "_transformer_encoder_layer_fwd", "_nested_tensor_from_mask", "scaled_dot_product_attention"]


def randn(*shape):
    return {"randn": list(shape)}


def same(position):
    """The tensor that stands at an earlier position."""
    return {"same": position}


def bools(*rows):
    return {"bools": list(rows)}


def floats(*rows):
    return {"floats": list(rows)}


def causal(size):
    return {"causal": size}


def module(name, *args, **options):
    return {"module": name, "args": list(args), "options": options}


def case(spec, *call, fast=True, hook=False, **keywords):
    """A module and a call. `fast`: whether the path of one operator is allowed; `hook`: whether its parts have a hook."""
    return {**spec, "call": list(call), "keywords": keywords, "fast": fast, "hook": hook}


# --- MultiheadAttention: E = 4, L = 3, S = 2 or 3, N = 2 -------------------------------------------------------

mha = lambda **options: module("MultiheadAttention", 4, 2, **options)
OWN, FIRST = [randn(3, 2, 4), same(0), same(0)], [randn(2, 3, 4), same(0), same(0)]
OTHERS = [randn(3, 2, 4), randn(2, 2, 4), same(1)]
APART = [randn(3, 2, 4), randn(2, 2, 4), randn(2, 2, 4)]
SINGLE = [randn(3, 4), same(0), same(0)]
KEYS = bools([False, False, True], [False, True, True])
FLOAT_KEYS = floats([0.0, 0.5, "-inf"], [0.25, "-inf", "-inf"])
# Key 0 is always looked at, so that no row is without a key.
PAIRS = bools([False, True, True], [False, False, True], [False, True, False])
FLOAT_PAIRS = floats([0.0, -1.0, "-inf"], [0.5, 0.0, "-inf"], [0.75, "-inf", 0.0])
EACH_PAIR = bools(*[[[False, i == 1, True], [i == 2, False, i == 3], [i == 0, False, False]] for i in range(4)])
SETTINGS = [
    {}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"add_bias_kv": True, "add_zero_attn": True, "bias": False},
    {"dropout": 0.25}, {"batch_first": True}, {"batch_first": True, "dropout": 0.5, "bias": False},
]
MASKS = [
    {"key_padding_mask": KEYS}, {"key_padding_mask": FLOAT_KEYS}, {"attn_mask": PAIRS}, {"attn_mask": FLOAT_PAIRS},
    {"attn_mask": EACH_PAIR}, {"attn_mask": PAIRS, "key_padding_mask": KEYS}, {"attn_mask": FLOAT_PAIRS, "key_padding_mask": FLOAT_KEYS},
    {"attn_mask": FLOAT_PAIRS, "key_padding_mask": KEYS}, {"attn_mask": causal(3), "is_causal": True},
    {"attn_mask": causal(3), "is_causal": True, "key_padding_mask": KEYS},
]
ATTENTION = [
    *(case(mha(**settings), *call, need_weights=need) for settings in SETTINGS for need in [True, False]
      for call in [FIRST if settings.get("batch_first") else OWN, SINGLE]),
    *(case(mha(), *call, need_weights=need) for call in [OTHERS, APART] for need in [True, False]),
    *(case(mha(batch_first=True), *call) for call in [[randn(2, 3, 4), randn(2, 2, 4), same(1)], [randn(2, 3, 4), randn(2, 2, 4), randn(2, 2, 4)]]),
    *(case(mha(kdim=3, vdim=5, **settings), randn(3, 2, 4), randn(2, 2, 3), randn(2, 2, 5), need_weights=need)
      for settings in [{}, {"bias": False, "add_bias_kv": True}] for need in [True, False]),
    *(case(mha(batch_first=first, **settings), *(FIRST if first else OWN), need_weights=need, **masks)
      for masks in MASKS for first, need in [(False, True), (False, False), (True, True), (True, False)] for settings in [{}]),
    *(case(mha(add_bias_kv=True, add_zero_attn=True), *OWN, need_weights=need, **masks) for masks in MASKS[:7] for need in [True, False]),
    case(mha(), *SINGLE, key_padding_mask=bools(False, True, False)),
    case(mha(), *SINGLE, attn_mask=bools(*EACH_PAIR["bools"][:2]), need_weights=False),
    case(mha(), *OWN, average_attn_weights=False), case(mha(), *SINGLE, average_attn_weights=False),
    case(mha(batch_first=True), *FIRST, average_attn_weights=False),
    case(mha(batch_first=True), *FIRST, fast=False),
    case(module("MultiheadAttention", 3, 3, batch_first=True), randn(2, 3, 3), same(0), same(0)),
]

# --- the Transformer family: E = 4, S = 3, T = 2, N = 2 -------------------------------------------------------

encoder_layer = lambda **options: module("TransformerEncoderLayer", 4, 2, 5, **options)
decoder_layer = lambda **options: module("TransformerDecoderLayer", 4, 2, 5, **options)
STYLES = [
    {}, {"norm_first": True}, {"activation": "gelu"}, {"bias": False}, {"dropout": 0.5, "layer_norm_eps": 0.01},
    {"activation": {"function": "tanh"}}, {"activation": module("GELU")}, {"activation": module("ReLU"), "norm_first": True},
    {"activation": module("Tanh"), "dropout": 0.0},
]
SOURCE, BATCHES = randn(3, 2, 4), randn(2, 3, 4)
LAYER_MASKS = [
    {}, {"src_mask": causal(3)}, {"src_mask": PAIRS}, {"src_key_padding_mask": KEYS}, {"src_key_padding_mask": FLOAT_KEYS},
    {"src_mask": PAIRS, "src_key_padding_mask": KEYS}, {"src_mask": causal(3), "is_causal": True},
]
encoder = lambda count=2, norm=None, layer={}, **options: module(
    "TransformerEncoder", encoder_layer(**{"batch_first": True, **layer}), count, **({"norm": norm} if norm else {}), **options)
NORM = module("LayerNorm", 4)
SCATTERED = bools([False, True, False], [True, False, False])
ENCODER_MASKS = [
    {}, {"mask": causal(3)}, {"mask": causal(3), "is_causal": True}, {"mask": causal(3), "is_causal": False}, {"mask": PAIRS},
    {"src_key_padding_mask": KEYS}, {"src_key_padding_mask": floats([0.0, 0.0, "-inf"], [0.0, 0.0, 0.0])},
    {"src_key_padding_mask": SCATTERED}, {"mask": causal(3), "src_key_padding_mask": KEYS}, {"mask": EACH_PAIR},
]
TARGET = [randn(2, 2, 4), randn(3, 2, 4)]
DECODER_MASKS = [
    {}, {"tgt_mask": causal(2)}, {"tgt_mask": causal(2), "tgt_is_causal": True},
    {"memory_mask": floats([0.0, -1.0, "-inf"], [0.5, 0.0, 0.25])}, {"memory_key_padding_mask": KEYS},
    {"tgt_key_padding_mask": bools([False, True], [False, False]), "tgt_mask": bools([False, True], [False, False])},
]
ENCODERS = [
    *(case(encoder_layer(batch_first=first, **style), BATCHES if first else SOURCE) for style in STYLES for first in [False, True]),
    *(case(encoder_layer(batch_first=first), BATCHES if first else SOURCE, **masks) for masks in LAYER_MASKS[1:] for first in [False, True]),
    case(encoder_layer(batch_first=True), randn(3, 4)),
    case(encoder_layer(batch_first=True), BATCHES, fast=False),
    case(encoder_layer(batch_first=True), BATCHES, hook=True),
    case(module("TransformerEncoderLayer", 3, 3, 5, batch_first=True), randn(2, 3, 3)),
    *(case(encoder(norm=NORM), BATCHES, **masks) for masks in ENCODER_MASKS),
    *(case(encoder(layer={"batch_first": False}), SOURCE, **masks) for masks in ENCODER_MASKS[:6]),
    *(case(encoder(layer=style), BATCHES, src_key_padding_mask=KEYS) for style in STYLES[:4]),
    case(encoder(enable_nested_tensor=False), BATCHES, src_key_padding_mask=KEYS),
    case(encoder(mask_check=False), BATCHES, src_key_padding_mask=KEYS),
    case(encoder(), BATCHES, fast=False, src_key_padding_mask=KEYS),
    case(encoder(norm=NORM), BATCHES, hook=True, src_key_padding_mask=KEYS),
    case(encoder(), randn(3, 4), mask=causal(3)),
    case(encoder(1), BATCHES, src_key_padding_mask=bools([False, True, True], [False, True, True])),
]
DECODERS = [
    *(case(decoder_layer(**style), *TARGET) for style in STYLES),
    *(case(decoder_layer(), *TARGET, **masks) for masks in DECODER_MASKS[1:]),
    case(decoder_layer(batch_first=True), randn(2, 2, 4), randn(2, 3, 4)), case(decoder_layer(), randn(2, 4), randn(3, 4)),
    *(case(module("TransformerDecoder", decoder_layer(), 2, norm=NORM), *TARGET, **masks) for masks in DECODER_MASKS),
    case(module("TransformerDecoder", decoder_layer(batch_first=True), 2), randn(2, 2, 4), randn(2, 3, 4), tgt_mask=causal(2)),
]
transformer = lambda **options: module("Transformer", 4, 2, 2, 2, 5, **options)
SEQUENCES = [randn(3, 2, 4), randn(2, 2, 4)]
TRANSFORMERS = [
    *(case(transformer(**style), *SEQUENCES) for style in STYLES[:6]),
    case(transformer(batch_first=True), randn(2, 3, 4), randn(2, 2, 4), tgt_mask=causal(2), src_key_padding_mask=KEYS, memory_key_padding_mask=KEYS),
    case(transformer(), *SEQUENCES, src_mask=causal(3), tgt_mask=causal(2), tgt_is_causal=True, src_is_causal=True),
    case(transformer(), *SEQUENCES, src_mask=PAIRS, memory_mask=floats([0.0, -1.0, "-inf"], [0.5, 0.0, 0.25])),
    case(transformer(), randn(3, 4), randn(2, 4)),
    case(transformer(custom_encoder=encoder(1), custom_decoder=module("TransformerDecoder", decoder_layer(batch_first=True), 1), batch_first=True),
         randn(2, 3, 4), randn(2, 2, 4)),
]
ERRORS = [
    module("MultiheadAttention", 0, 2), module("MultiheadAttention", 4, -1), module("MultiheadAttention", 5, 2),
    case(mha(), randn(4), same(0), same(0)), case(mha(), randn(1, 3, 2, 4), same(0), same(0)),
    case(mha(), randn(3, 2, 4), randn(3, 4), same(1)), case(mha(), randn(3, 4), randn(3, 2, 4), same(1)),
    *(case(mha(batch_first=first), *(FIRST if first else OWN), **masks) for first in [False, True] for masks in [
        {"key_padding_mask": bools(False, True, False)}, {"attn_mask": bools(False, True, False)},
        {"key_padding_mask": {"integers": [[0, 0, 1], [0, 0, 1]]}}, {"attn_mask": {"integers": [[0, 0, 1]] * 3}},
        {"key_padding_mask": floats([0.0, 0.0], [0.0, 0.0])}, {"key_padding_mask": floats([0.0, 0.0, 0.0])},
        {"attn_mask": floats([0.0, 0.0, 0.0])}, {"attn_mask": floats(*[[[0.0] * 3] * 3] * 3)}, {"is_causal": True}]),
    case(mha(), *SINGLE, key_padding_mask=KEYS), case(mha(), *SINGLE, attn_mask=bools(False, True)),
    case(mha(), *SINGLE, attn_mask=EACH_PAIR), case(mha(), randn(3, 2, 6), same(0), same(0)),
    case(mha(), randn(3, 2, 4), randn(2, 2, 4), randn(3, 2, 4)), case(mha(dropout=1.5), *OWN),
    case(mha(kdim=3, vdim=5), randn(3, 2, 4), randn(2, 2, 3), randn(3, 2, 5)),
    case(mha(kdim=3, vdim=5), randn(3, 2, 4), randn(2, 2, 4), randn(2, 2, 5)),
    case(mha(kdim=3, vdim=5), randn(3, 2, 4), randn(2, 2, 3), randn(2, 2, 4)),
    encoder_layer(activation="selu"), decoder_layer(activation="selu"), module("TransformerEncoderLayer", 5, 2), transformer(dropout=2.5),
    case(encoder_layer(), SOURCE, src_key_padding_mask={"integers": [[0, 0, 1], [0, 0, 1]]}),
    case(encoder_layer(), SOURCE, is_causal=True), case(encoder(0), BATCHES),
    case(encoder(), BATCHES, mask={"integers": [[0, 0, 1]] * 3}), case(encoder(), BATCHES, mask=bools([False, True])),
    case(transformer(), randn(3, 2, 4), randn(2, 3, 4)), case(transformer(batch_first=True), randn(2, 3, 4), randn(3, 2, 4)),
    case(transformer(), randn(3, 2, 4), randn(2, 2, 5)), case(transformer(), randn(3, 2, 5), randn(2, 2, 5)),
]
# In evaluation: what Python's path of one operator refuses.
ERRORS_FAST = [
    case(mha(batch_first=True), randn(2, 3, 6), same(0), same(0)), case(encoder_layer(batch_first=True), randn(2, 3, 6)),
    case(encoder_layer(batch_first=True), BATCHES, src_key_padding_mask=bools([False, True], [False, True])),
    case(encoder(), BATCHES, src_key_padding_mask=bools([False, True], [False, True])),
]


def build(spec):
    if isinstance(spec, dict) and "function" in spec:
        return getattr(torch, spec["function"])
    if not isinstance(spec, dict):
        return spec
    return getattr(nn, spec["module"])(*map(build, spec["args"]), **{name: build(value) for name, value in spec["options"].items()})


def argument(spec, before, leaves):
    if not isinstance(spec, dict):
        return spec
    if "same" in spec:
        return before[spec["same"]]
    if "bools" in spec:
        return torch.tensor(spec["bools"])
    if "integers" in spec:
        return torch.tensor(spec["integers"])
    if "floats" in spec:
        return torch.tensor([[float(x) if not isinstance(x, list) else [float(y) for y in x] for x in row] for row in spec["floats"]], dtype=torch.float64)
    if "causal" in spec:
        return nn.Transformer.generate_square_subsequent_mask(spec["causal"], dtype=torch.float64)
    leaves.append(torch.randn(spec["randn"], dtype=torch.float64))
    return leaves[-1]


def few(tensor):
    """A tensor's dtype, shape, the sum of its sizes, and up to nine of its elements (expectSampled of test/helpers.ts)."""
    data = tensor.detach().flatten().double()
    step = max(1, len(data) // 8)
    return {"dtype": str(tensor.dtype), "shape": list(tensor.shape), "sum": data.abs().sum().item(), "step": step,
            "data": data[::step].tolist()}


def made(spec):
    torch.manual_seed(0)
    made = build(spec)
    initial = {name: few(tensor) for name, tensor in made.state_dict().items()}
    made.double()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64))
    if spec.get("hook"):
        for part in made.modules():
            part.register_forward_hook(lambda *_: None)
    return made, initial


def call(module, spec, requires_grad):
    torch.manual_seed(2)
    leaves, args = [], []
    for item in spec["call"]:
        args.append(argument(item, args, leaves))
    keywords = {name: argument(value, args, leaves) for name, value in spec["keywords"].items()}
    for leaf in leaves:
        leaf.requires_grad_(requires_grad)
    torch.backends.mha.set_fastpath_enabled(spec["fast"])
    try:
        output = module(*args, **keywords)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    return (list(output) if isinstance(output, tuple) else [output]), leaves


def seen(output):
    return None if output is None else values(output)


def run(spec):
    module, initial = made(spec)
    outputs, leaves = call(module, spec, True)
    shown = [output for output in outputs if output is not None]
    torch.autograd.backward(shown, [torch.randn_like(output) for output in shown])
    grads = {name: None if p.grad is None else few(p.grad) for name, p in module.named_parameters()}
    result = {"initial": initial, "trained": [seen(o) for o in outputs], "input_grads": [values(leaf.grad) for leaf in leaves], "grads": grads}
    module.eval()
    with torch.no_grad(), torch.profiler.profile() as profile:
        outputs, _ = call(module, spec, False)
    counts = {e.key.removeprefix("aten::"): e.count for e in profile.key_averages()}
    ran = {name: counts[name] for name in WATCHED if name in counts}
    return {**spec, **result, "evaluated": [seen(o) for o in outputs], "ran": ran}


def refusal(spec, fast):
    try:
        module = made(spec)[0] if "call" in spec else build(spec)
        if "call" in spec:
            with torch.set_grad_enabled(not fast):
                call(module.train(not fast), spec, False)
    except Exception as error:
        return {**spec, "evaluation": fast, "error": type(error).__name__, "message": str(error).split("\n")[0]}
    sys.exit(f"{spec} raises nothing")


def rounded(value):
    """Twelve digits, which the test does not come near to telling apart."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


torch.manual_seed(0)
FAMILIES = {"attention": ATTENTION, "encoders": ENCODERS, "decoders": DECODERS, "transformers": TRANSFORMERS}
cases = [{"family": family, **rounded(run(spec))} for family, specs in FAMILIES.items() for spec in specs]
# Initial values once for each module.
started = []
for entry in cases:
    spec = [entry["module"], entry["args"], entry["options"]]
    if spec in started:
        del entry["initial"]
    started.append(spec)
errors = [{"family": "error", **refusal(spec, False)} for spec in ERRORS] + [
    {"family": "error", **refusal(spec, True)} for spec in ERRORS_FAST]
write_compact("transformer.json", {"cases": cases + errors}, "cases")
