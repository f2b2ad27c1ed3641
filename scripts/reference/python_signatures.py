"""Lists the functions that PyTorch writes in Python, with their parameters, as scripts/generate/python_signatures.json.

Run with the pinned torch: python3 scripts/reference/python_signatures.py
"""

import inspect
import json
import math
import pathlib
import types

import torch

F = torch.nn.functional

# Python's own plumbing, and what is reached in other ways.
LEFT_OUT = {
    "nn.functional": {"assert_int_or_pair", "boolean_dispatch", "handle_torch_function", "scaled_mm",
                      "scaled_grouped_mm", "grouped_mm", "sigmoid", "tanh"},
}
TORCH = ["cdist", "norm", "stft", "svd_lowrank", "pca_lowrank", "tensordot", "unravel_index", "split"]
MASKED = ["sum", "prod", "amax", "amin", "argmax", "argmin", "mean", "median", "norm", "var", "std", "cumsum", "cumprod",
          "softmax", "log_softmax", "softmin", "normalize", "logsumexp", "logaddexp"]
# What Python's annotations do not say.
TYPES = {
    "output_size": "int[1]?", "kernel_size": "int[1]", "stride": "int[1]?", "padding": "int[1]", "dilation": "int[1]",
    "output_ratio": "float[1]?", "size": "int[1]?", "scale_factor": "float[1]?", "input": "Tensor", "x1": "Tensor",
    "x2": "Tensor", "p": "float", "compute_mode": "str", "mode": "str", "align_corners": "bool?", "dim": "int[1]?",
    "keepdim": "bool", "out": "Tensor?", "dtype": "ScalarType?", "a": "Tensor", "b": "Tensor", "dims": "unknown",
    "M": "int", "alpha": "float", "shape": "int[1]", "split_size_or_sections": "int[1]", "reduction": "Reduction",
}
PLAIN = {
    "Tensor": "Tensor", "int": "int", "float": "float", "bool": "bool", "str": "str", "dtype": "ScalarType",
    "layout": "Layout", "device": "Device", "list[int]": "int[]", "int | float": "float",
}
EXACTLY = {
    ("norm", "p"): "NormOrder?", ("linear_cross_entropy", "options"): "unknown", ("gaussian_nll_loss", "var"): "TensorOrNumber", ("softmax", "dtype"): "ScalarType?",
    ("log_softmax", "dtype"): "ScalarType?", ("softmin", "dtype"): "ScalarType?", ("general_cosine", "a"): "float[]",
    ("triplet_margin_with_distance_loss", "distance_function"): "Distance?", ("ctc_loss", "input_lengths"): "Lengths",
    ("ctc_loss", "target_lengths"): "Lengths", ("adaptive_avg_pool2d", "output_size"): "OptionalSizes",
    ("adaptive_avg_pool3d", "output_size"): "OptionalSizes", ("adaptive_max_pool1d", "output_size"): "OptionalSizes",
    ("adaptive_max_pool2d", "output_size"): "OptionalSizes", ("adaptive_max_pool3d", "output_size"): "OptionalSizes",
    ("fold", "output_size"): "int[1]", ("fold", "stride"): "int[1]", ("unfold", "stride"): "int[1]",
    ("local_response_norm", "size"): "int", ("affine_grid", "size"): "int[]", ("pad", "value"): "float?",
}


def type_of(function, parameter):
    if (function, parameter.name) in EXACTLY:
        return EXACTLY[function, parameter.name]
    annotation = parameter.annotation
    if parameter.name == "dtype":
        return "ScalarType?"
    if "MaskedTensor" in str(annotation):
        return "Tensor"
    if "DimOrDims" in str(annotation) or "tuple[int" in str(annotation):
        return "int[1]?"
    if str(annotation) == "int | float | None":
        return "float?"
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    text = text.replace("torch.", "")
    optional = text.endswith(" | None")
    base = text.removesuffix(" | None")
    if parameter.name in TYPES and (parameter.name in ("size", "scale_factor", "reduction") or base not in PLAIN):
        return TYPES[parameter.name]
    return PLAIN[base] + ("?" if optional else "")


def default_of(parameter):
    value = parameter.default
    if isinstance(value, (torch.layout, torch.dtype)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def rows(space, owner, names):
    result = []
    for name in names:
        function = getattr(owner, name)
        if not isinstance(function, types.FunctionType) or name in LEFT_OUT.get(space, ()):
            continue
        # max_pool2d and its kin choose between two functions by return_indices.
        chosen = getattr(owner, f"{name}_with_indices", function)
        parameters = [p for p in inspect.signature(chosen).parameters.values() if p.name != "_stacklevel"]
        signature = {"space": space, "name": name, "result": "Tensor", "parameters": []}
        returned = str(inspect.signature(chosen).return_annotation)
        if returned.startswith("tuple") and chosen is function:
            signature["result"] = "Tensor[]" if "..." in returned else f"{returned.count('Tensor')} Tensors"
        for parameter in parameters:
            row = {"name": parameter.name, "type": type_of(name, parameter)}
            if parameter.default is not parameter.empty:
                row["default"] = default_of(parameter)
                if row["default"] is None and not row["type"].endswith("?") and row["type"] not in ("Layout", "unknown"):
                    row["type"] += "?"
            if parameter.kind == parameter.KEYWORD_ONLY:
                row["keyword_only"] = True
            signature["parameters"].append(row)
        result.append(signature)
    return result


# torch.unique and its kin hide their signatures behind a dispatch on their flags; the methods have them.
def unique_rows(name):
    parameters = list(inspect.signature(getattr(torch.Tensor, name)).parameters.values())[1:]
    own = [{"name": "input", "type": "Tensor"}]
    for parameter in parameters:
        own.append({"name": parameter.name, "type": "int?" if parameter.name == "dim" else "bool",
                    "default": parameter.default})
    return {"space": "torch", "name": name, "result": "unknown", "parameters": own}


public = [name for name in dir(F) if not name.startswith("_")]
signatures = [
    *rows("nn.functional", F, public),
    *rows("torch", torch, TORCH),
    unique_rows("unique"),
    unique_rows("unique_consecutive"),
    *rows("masked", torch.masked, MASKED),
    *rows("signal.windows", torch.signal.windows, torch.signal.windows.__all__),
]
target = pathlib.Path(__file__).parent.parent / "generate" / "python_signatures.json"
content = {"torch_version": torch.__version__.split("+")[0], "signatures": signatures}
target.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
print(len(signatures))
