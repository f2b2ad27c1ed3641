"""Modules without parameters: their fields, outputs and input gradients, while training and afterwards, and their errors.

Each case is seeded, draws its inputs, calls the module, and draws the gradient of the output: that is equal only where
the call drew as many random numbers. test/nn/settings_modules.test.ts does the same.
"""

import warnings

import torch
from torch import nn

from fixtures import number, write_compact

warnings.simplefilter("ignore")


def of(name, *args, inputs, pooled=None, call=(), dtype="float64", **options):
    """A module's class and settings, the shapes of its inputs for each call, and what a call takes besides.

    `pooled` is what makes the indices of an unpooling.
    """
    spec = {"module": name, "args": list(args), "options": options, "dtype": dtype}
    calls = [[shape] if isinstance(shape, tuple) else shape for shape in inputs]
    return {**spec, "inputs": calls, **({"pooled": pooled} if pooled else {}), **({"call": list(call)} if call else {})}


def for_each(names, *args, **options):
    return [of(name, *args, **options) for name in names.split()]


ANY = [(), (7,), (2, 3, 4)]
LINES, IMAGES, VOLUMES = [(2, 3, 9), (3, 9)], [(2, 3, 7, 6), (3, 7, 6)], [(1, 2, 6, 5, 7), (2, 6, 5, 7)]
IN = {1: LINES, 2: IMAGES, 3: VOLUMES}
ELEMENTWISE = ("ReLU ReLU6 Sigmoid Tanh SiLU Mish ELU CELU SELU GELU Hardtanh Hardsigmoid Hardswish Hardshrink LeakyReLU "
               "LogSigmoid Softplus Softshrink Softsign Tanhshrink RReLU")
INPLACE = "ReLU ReLU6 SiLU Mish ELU CELU SELU Hardtanh Hardsigmoid Hardswish LeakyReLU RReLU"
CASES = [
    *for_each(ELEMENTWISE, inputs=ANY),
    *for_each(INPLACE, inplace=True, inputs=[(5,)]),
    of("Threshold", 0.5, -7, inputs=ANY),
    of("Threshold", 1, 20, inplace=True, inputs=[(5,)]),
    *for_each("ELU CELU", 1.5, inputs=[(7,)]),
    of("GELU", "tanh", inputs=ANY),
    of("Hardtanh", -2, 0.5, inputs=[(7,)]),
    of("Hardtanh", min_value=-3, max_value=0.5, inputs=[(7,)]),
    *for_each("Hardshrink Softshrink", 2, inputs=[(7,)]),
    of("LeakyReLU", 0.2, inputs=[(7,)]),
    of("RReLU", 0.2, 0.4, inputs=[(7,)]),
    of("Softplus", 2, threshold=1.5, inputs=[(7,)]),
    of("GLU", inputs=[(6,), (2, 3, 4)]),
    of("GLU", dim=1, inputs=[(3, 4), (2, 4, 3)]),
    *(made for name in ["Softmax", "LogSoftmax", "Softmin"] for made in [
        of(name, inputs=[(), (5,), (2, 3), (2, 3, 2), (1, 3, 2, 2)]), of(name, dim=-1, inputs=[(5,), (2, 3, 2)]),
        of(name, 1, inputs=[(2, 3)])]),
    of("Softmax2d", inputs=[(2, 3, 2, 2), (3, 2, 2)]),
    *(made for dtype in ["float32", "float64"] for made in [
        *for_each("Dropout AlphaDropout", inputs=ANY, dtype=dtype),
        *for_each("Dropout AlphaDropout", 0.2, inplace=True, inputs=[(3, 4)], dtype=dtype),
        *for_each("Dropout1d", 0.4, inputs=[(2, 3, 2), (4, 2)], dtype=dtype),
        *for_each("Dropout2d", 0.4, inputs=[(2, 3, 2, 1), (3, 2, 2), (2, 3)], dtype=dtype),
        *for_each("Dropout3d", 0.4, inputs=[(2, 3, 2, 1, 1), (6, 1, 2, 1), (2, 3)], dtype=dtype),
        *for_each("Dropout1d Dropout2d Dropout3d", inplace=True, inputs=[(4, 2, 1)], dtype=dtype),
        *for_each("FeatureAlphaDropout", 0.4, inputs=[(2, 3, 2), (4, 3)], dtype=dtype),
        of("RReLU", inputs=[(9,)], dtype=dtype),
    ]),
    *(of(name, p, inputs=[(5,)]) for name in ["Dropout", "AlphaDropout"] for p in [0, 1]),
    # Paddings.
    *(made
      for kind in ["Circular", "Constant", "Reflection", "Replication", "Zero"]
      for dims in [1, 2, 3]
      for value in [[3.5] if kind == "Constant" else []]
      for made in [
          of(f"{kind}Pad{dims}d", 1, *value, inputs=[shape[:-1] + (2,) for shape in IN[dims]]),
          of(f"{kind}Pad{dims}d", (2, 1, 0, 1, 1, 0)[:2 * dims], *value, inputs=[(2,) + (3,) * dims]),
          *([of(f"{kind}Pad{dims}d", (1, -1, 0, -1, 0, 0)[:2 * dims], *value, inputs=[(1, 2) + (3,) * dims])]
            if kind in ("Constant", "Zero") else []),
      ]),
    of("ConstantPad2d", 1, 0.5, inputs=[(2, 3)]),
    # Poolings.
    *(made
      for dims in [1, 2, 3]
      for made in [
          of(f"MaxPool{dims}d", 3, inputs=IN[dims]),
          of(f"MaxPool{dims}d", (3, 2, 3)[:dims], 2, 1, inputs=IN[dims]),
          of(f"MaxPool{dims}d", 2, stride=(2,) * dims, dilation=(2, 1, 2)[:dims], ceil_mode=True, inputs=IN[dims]),
          of(f"MaxPool{dims}d", 2, return_indices=True, inputs=IN[dims]),
          of(f"MaxUnpool{dims}d", 2, inputs=[(1, 2) + (4,) * dims, (2,) + (4,) * dims], pooled={"args": [2], "options": {}}),
          of(f"MaxUnpool{dims}d", (2,) * dims, 3, inputs=IN[dims], pooled={"args": [2, 3], "options": {}},
             call=[IN[dims][0][-dims:]]),
          of(f"AvgPool{dims}d", 3, inputs=IN[dims]),
          of(f"AvgPool{dims}d", (3, 2, 3)[:dims], 2, 1, inputs=IN[dims]),
          of(f"AvgPool{dims}d", 3, 2, padding=1, ceil_mode=True, count_include_pad=False, inputs=IN[dims]),
          *([of(f"AvgPool{dims}d", 2, divisor_override=3, inputs=IN[dims])] if dims > 1 else []),
          of(f"LPPool{dims}d", 2, 3, inputs=IN[dims]),
          of(f"LPPool{dims}d", 3, 2, stride=1, ceil_mode=True, inputs=IN[dims]),
          of(f"LPPool{dims}d", float("inf"), 2, inputs=IN[dims]),
          of(f"LPPool{dims}d", float("-inf"), 2, inputs=IN[dims]),
          of(f"AdaptiveAvgPool{dims}d", 4, inputs=IN[dims]),
          of(f"AdaptiveMaxPool{dims}d", 4, inputs=IN[dims]),
          of(f"AdaptiveMaxPool{dims}d", (3,) * dims, return_indices=True, inputs=IN[dims]),
          *([of(f"Adaptive{kind}Pool{dims}d", (None,) * (dims - 1) + (2,), inputs=IN[dims]) for kind in ["Avg", "Max"]]
            if dims > 1 else []),
          *([of(f"FractionalMaxPool{dims}d", 2, output_size=3, inputs=IN[dims]),
             of(f"FractionalMaxPool{dims}d", 2, output_size=(3, 2, 3)[:dims], inputs=IN[dims]),
             of(f"FractionalMaxPool{dims}d", 2, output_ratio=0.5, return_indices=True, inputs=IN[dims]),
             of(f"FractionalMaxPool{dims}d", (2,) * dims, output_ratio=(0.5, 0.6, 0.7)[:dims], inputs=IN[dims],
                dtype="float32")] if dims > 1 else []),
      ]),
    # Shapes and sizes.
    of("Flatten", inputs=[(2, 3), (2, 3, 2)]),
    of("Flatten", 0, inputs=[(), (2, 3)]),
    of("Flatten", 1, -2, inputs=[(2, 3, 2, 1)]),
    of("Unflatten", 1, (2, 3), inputs=[(2, 6), (1, 6, 2)]),
    of("Unflatten", -1, (2, -1), inputs=[(6,), (2, 4)]),
    of("Fold", (3, 4), (2, 2), inputs=[(1, 8, 6), (8, 6)]),
    of("Fold", 4, 2, padding=1, stride=2, inputs=[(1, 4, 9)]),
    of("Fold", (4, 5), (2, 3), dilation=(2, 1), inputs=[(6, 6)]),
    of("Unfold", 2, inputs=[(1, 2, 3, 4), (2, 3, 4)]),
    of("Unfold", (2, 3), dilation=(2, 1), padding=1, stride=2, inputs=[(1, 1, 4, 5)]),
    of("PixelShuffle", 2, inputs=[(1, 8, 2, 3), (4, 2, 2)]),
    of("PixelUnshuffle", 2, inputs=[(1, 2, 4, 2), (1, 2, 4)]),
    of("ChannelShuffle", 2, inputs=[(1, 6, 2, 2), (2, 4, 3)]),
    of("Upsample", size=5, inputs=[(1, 2, 3), (1, 1, 3, 2)]),
    of("Upsample", scale_factor=1.7, inputs=[(1, 2, 3), (1, 1, 3, 2), (1, 1, 2, 3, 2)]),
    of("Upsample", scale_factor=(2, 1.5), recompute_scale_factor=True, inputs=[(1, 1, 3, 3)]),
    of("Upsample", size=4, mode="nearest-exact", inputs=[(1, 1, 3)]),
    of("Upsample", scale_factor=0.5, mode="area", inputs=[(1, 1, 4, 5)]),
    of("Upsample", scale_factor=1.5, mode="linear", inputs=[(1, 2, 3)]),
    of("Upsample", (4, 5), mode="bilinear", inputs=[(1, 1, 3, 2)]),
    of("Upsample", scale_factor=1.5, mode="bilinear", align_corners=True, inputs=[(1, 1, 3, 2)]),
    of("Upsample", scale_factor=2, mode="bicubic", inputs=[(1, 1, 2, 3)]),
    of("Upsample", 3, mode="trilinear", align_corners=False, inputs=[(1, 1, 2, 2, 2)]),
    *for_each("UpsamplingNearest2d UpsamplingBilinear2d", 5, inputs=[(1, 1, 3, 2)]),
    *for_each("UpsamplingNearest2d UpsamplingBilinear2d", scale_factor=(2, 1.5), inputs=[(1, 1, 2, 3)]),
    # Distances.
    of("PairwiseDistance", inputs=[[(4, 3), (4, 3)], [(3,), (3,)], [(4, 3), (3,)]]),
    of("PairwiseDistance", 1, eps=0.5, keepdim=True, inputs=[[(4, 3), (4, 3)], [(3,), (3,)]]),
    of("PairwiseDistance", p=float("inf"), inputs=[[(4, 3), (4, 3)]]),
    of("CosineSimilarity", inputs=[[(4, 3), (4, 3)], [(2, 3, 2), (1, 3, 1)]]),
    of("CosineSimilarity", 0, eps=20, inputs=[[(4,), (4,)], [(3, 2), (3, 1)]]),
]


def error(name, *args, shapes=None, calls=(), **options):
    """What is refused: the constructor's arguments, or, with shapes, those of the call."""
    return {"module": name, "args": list(args), "options": options,
            **({"inputs": [[shapes] if isinstance(shapes, tuple) else shapes]} if shapes is not None else {}),
            **({"call": list(calls)} if calls else {})}


ERRORS = [
    *(error(name, p) for name in "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout".split()
      for p in [-0.5, 1.5, float("inf")]),
    error("Dropout1d", shapes=(2,)),
    error("Dropout1d", shapes=(2, 3, 4, 5)),
    error("FeatureAlphaDropout", shapes=(2,)),
    error("Hardtanh", 1, 1),
    error("Hardtanh", 1.5, 0.5),
    error("RReLU", 2, 1, shapes=(2,)),
    error("CELU", 0, shapes=(2,)),
    error("Softshrink", -1, shapes=(2,)),
    error("GELU", "exact", shapes=(2,)),
    error("GLU", shapes=(3,)),
    error("GLU", shapes=()),
    error("Softmax2d", shapes=(2, 3)),
    error("Softmax2d", shapes=(1, 2, 3, 1, 1)),
    error("Softmax", 2, shapes=(2, 3)),
    *(error(f"CircularPad{dims}d", 1, shapes=(2,) * wrong) for dims in [1, 2, 3] for wrong in [dims, dims + 3]),
    *(error(f"{kind}Pad{dims}d", 4, shapes=(1, 1) + (2,) * dims) for kind in ["Circular", "Reflection"] for dims in [1, 2, 3]),
    *(error(f"{kind}Pad{dims}d", 1, shapes=(2,) * wrong) for kind in ["Reflection", "Replication"] for dims in [1, 2, 3]
      for wrong in [dims, dims + 3]),
    error("ConstantPad1d", (1, 2, 3), 0.5, shapes=(2, 3)),
    error("ReflectionPad2d", (1, 2, 3), shapes=(2, 3, 4)),
    error("ZeroPad2d", (-2, -2, 0, 0), shapes=(1, 1, 3, 3)),
    *(error(f"{kind}Pool{dims}d", *args, shapes=shape) for kind in ["Max", "Avg"] for dims in [1, 2, 3]
      for args, shape in [((2, 2, 2), (2, 1) + (4,) * dims), ((0,), (2, 1) + (4,) * dims), ((2, 0), (2, 1) + (4,) * dims),
                          ((5,), (2, 1) + (4,) * dims), ((2,), (4,)), ((2,), (1,) * (dims + 3)),
                          ((2,), (2, 1) + (0,) * dims)]
      if not (dims == 1 and shape == (4,))),
    *(error(f"MaxPool{dims}d", (2,) * 4, shapes=(2, 1) + (4,) * dims) for dims in [1, 2, 3]),
    error("MaxPool2d", 2, dilation=0, shapes=(1, 1, 4, 4)),
    error("AvgPool2d", 2, divisor_override=0, shapes=(1, 1, 4, 4)),
    error("AvgPool3d", 2, divisor_override=0, shapes=(1, 1, 4, 4, 4)),
    *(error(f"LPPool{dims}d", 2, 5, shapes=(1, 1) + (4,) * dims) for dims in [1, 2, 3]),
    *(error(f"Adaptive{kind}Pool{dims}d", 2, shapes=shape) for kind in ["Avg", "Max"] for dims in [1, 2, 3]
      for shape in [(3,), (1,) * (dims + 3)] if not (dims == 1 and shape == (3,) and kind == "Max")),
    *(error(f"Adaptive{kind}Pool{dims}d", (None,) * dims, shapes=(3,) * dims) for kind in ["Avg", "Max"] for dims in [2, 3]),
    *(error(f"Adaptive{kind}Pool2d", (2, 2, 2), shapes=(1, 1, 3, 3)) for kind in ["Avg", "Max"]),
    *(error(f"FractionalMaxPool{dims}d", 2, **options) for dims in [2, 3] for options in [
        {}, {"output_size": 2, "output_ratio": 0.5}, {"output_ratio": 1.5}, {"output_ratio": (0.5,) * (dims - 1) + (0,)}]),
    error("FractionalMaxPool3d", 0, output_size=2),
    error("FractionalMaxPool3d", (2, 2, -1), output_size=2),
    *(error(f"FractionalMaxPool{dims}d", 2, output_size=5, shapes=(1, 1) + (4,) * dims) for dims in [2, 3]),
    *(error(f"FractionalMaxPool{dims}d", 2, output_size=2, shapes=(4,)) for dims in [2, 3]),
    error("Flatten", 2, shapes=(2, 3)),
    error("Flatten", 2, 1, shapes=(2, 3, 4)),
    error("Unflatten", 1, (2, 2), shapes=(2, 6)),
    error("Unflatten", 2, (2, 3), shapes=(2, 6)),
    error("Unflatten", 1, (), shapes=(2, 6)),
    error("Fold", (3, 4), (2, 2), shapes=(1, 8, 5)),
    error("Fold", (3, 4), (2, 2), shapes=(1, 7, 6)),
    error("Fold", (3, 4), (2, 2), shapes=(1, 2, 8, 6)),
    error("Fold", (3, 4), (2, 2), stride=0, shapes=(1, 8, 6)),
    error("Unfold", 5, shapes=(1, 1, 3, 3)),
    error("Unfold", 2, shapes=(3, 3)),
    error("Unfold", 0, shapes=(1, 3, 3)),
    error("Unfold", (2, 2, 2), shapes=(1, 3, 3)),
    error("PixelShuffle", 2, shapes=(1, 6, 2, 2)),
    error("PixelShuffle", 0, shapes=(1, 4, 2, 2)),
    error("PixelShuffle", 2, shapes=(4, 2)),
    error("PixelUnshuffle", 2, shapes=(1, 1, 3, 4)),
    error("PixelUnshuffle", -1, shapes=(1, 1, 4, 4)),
    error("PixelUnshuffle", 2, shapes=(4, 4)),
    error("ChannelShuffle", 4, shapes=(1, 6, 2, 2)),
    error("ChannelShuffle", 0, shapes=(1, 6, 2, 2)),
    error("ChannelShuffle", 2, shapes=(4, 4)),
    error("Upsample", shapes=(1, 1, 3)),
    error("Upsample", 2, 2, shapes=(1, 1, 3)),
    error("Upsample", 2, mode="linear", shapes=(1, 1, 3, 3)),
    error("Upsample", 2, mode="cubic", shapes=(1, 1, 3, 3)),
    error("Upsample", 2, align_corners=True, shapes=(1, 1, 3, 3)),
    error("Upsample", (2, 2), shapes=(1, 1, 3)),
    error("Upsample", scale_factor=(2.5, 1.5), shapes=(1, 1, 3)),
    error("Upsample", 2, recompute_scale_factor=True, shapes=(1, 1, 3)),
    error("Upsample", 0, shapes=(1, 1, 3)),
    error("Upsample", 3, shapes=(3, 3)),
    error("Upsample", 3, shapes=()),
    error("Upsample", scale_factor=2, shapes=(3,)),
    error("UpsamplingNearest2d", shapes=(1, 1, 3, 3)),
    error("UpsamplingBilinear2d", 2, shapes=(1, 1, 3)),
    error("PairwiseDistance", shapes=[(2, 3), (2, 4)]),
    error("CosineSimilarity", shapes=[(2, 3), (2, 4)]),
    error("CosineSimilarity", 2, shapes=[(2, 3), (2, 3)]),
    error("MaxUnpool2d", 2, shapes=[(1, 1, 2, 2), (1, 1, 2, 2)], calls=[(9, 9)]),
    error("MaxUnpool2d", 2, shapes=[(1, 1, 2, 2), (1, 1, 2, 2)], calls=[(4,)]),
    error("MaxUnpool2d", 2, shapes=[(1, 1, 2, 2), (1, 1, 2, 3)]),
    error("MaxUnpool1d", 2, shapes=[(1, 1, 2), (1, 1, 3)]),
    error("MaxUnpool1d", 2, shapes=[(2,), (2,)]),
    error("MaxUnpool3d", 2, shapes=[(1, 1, 2, 2, 2), (1, 1, 2, 2, 1)]),
    error("MaxUnpool3d", 2, 0, shapes=[(1, 1, 2, 2, 2), (1, 1, 2, 2, 2)]),
]


def rounded(tensor):
    """A tensor's shape and elements: those of a float in 8 digits."""
    data = [number(float(f"{v:.8g}")) if isinstance(v, float) else v for v in tensor.detach().flatten().tolist()]
    return {"dtype": str(tensor.dtype), "shape": list(tensor.shape), "data": data}


def inputs_of(spec, shapes):
    """Inputs that are drawn, in which each function of a call has elements on either side of its edges."""
    dtype = getattr(torch, spec["dtype"])
    return [torch.randn(shape, dtype=dtype).mul(4).requires_grad_() for shape in shapes]


def called(spec, shapes, training):
    torch.manual_seed(11)
    module = getattr(nn, spec["module"])(*spec["args"], **spec["options"]).train(training)
    leaves = inputs_of(spec, shapes)
    # A leaf that requires gradients cannot be overwritten.
    inputs = [leaf.clone() for leaf in leaves]
    if "pooled" in spec:
        pool = getattr(nn, spec["module"].replace("Unpool", "Pool"))
        inputs = list(pool(*spec["pooled"]["args"], return_indices=True)(*inputs))
    result = module(*inputs, *spec.get("call", []))
    outputs = result if isinstance(result, tuple) else (result,)
    outputs[0].backward(torch.randn_like(outputs[0]))
    return {"outputs": [rounded(output) for output in outputs], "grads": [rounded(leaf.grad) for leaf in leaves]}


def plain(value):
    """A field as JSON has it."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return number(value) if isinstance(value, float) else value


def results(spec):
    module = getattr(nn, spec["module"])(*spec["args"], **spec["options"])
    fields = {name: plain(value) for name, value in sorted(vars(module).items()) if not name.startswith("_")}
    calls = []
    for shapes in spec["inputs"]:
        modes = {mode: called(spec, shapes, mode == "train") for mode in ["train", "eval"]}
        calls.append({"both": modes["train"]} if modes["train"] == modes["eval"] else modes)
    return {**spec, "args": plain(tuple(spec["args"])), "options": {k: plain(v) for k, v in spec["options"].items()},
            "fields": fields, "calls": calls}


def refused(spec):
    try:
        module = getattr(nn, spec["module"])(*spec["args"], **spec["options"])
        for shapes in spec.get("inputs", []):
            inputs = [torch.ones(shape) for shape in shapes]
            if "Unpool" in spec["module"]:
                inputs[1] = inputs[1].long()
            module(*inputs, *spec.get("call", []))
    except Exception as problem:
        return {**spec, "args": plain(tuple(spec["args"])), "error": type(problem).__name__, "message": str(problem)}
    print("not refused:", spec)
    return None


write_compact("settings_modules.json", {"cases": [results(spec) for spec in CASES]}, "cases")
write_compact("settings_modules_errors.json", {"errors": [found for spec in ERRORS if (found := refused(spec))]}, "errors")
