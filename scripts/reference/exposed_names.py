"""Lists the ATen operators that Python exposes, and where, as scripts/generate/exposed_names.json.

Run with the pinned torch: python3 scripts/reference/exposed_names.py
"""

import json
import pathlib

import torch

ATEN = {
    schema.name.removeprefix("aten::")
    for schema in torch._C._jit_get_all_schemas()
    if schema.name.startswith("aten::")
}


# Insides of layers, which trust their arguments: they stay under torch.ops.aten.
INSIDES = {"mkldnn_rnn_layer", "quantized_lstm_cell", "quantized_gru_cell", "quantized_rnn_relu_cell",
           "quantized_rnn_tanh_cell"}


def public(names):
    return sorted(name for name in names if not name.startswith("_") and name not in INSIDES)


def callables(owner):
    return {
        name
        for name in dir(owner)
        if callable(value := getattr(owner, name, None)) and not isinstance(value, type)
    }


exposed = {
    "torch_version": torch.__version__.split("+")[0],
    # torch.abs, torch.nn.functional.relu, torch.linalg.norm (aten::linalg_norm) ...
    "torch": public(callables(torch) & ATEN),
    "nn.functional": public((callables(torch._C._nn) | callables(torch.nn.functional)) & ATEN),
    **{
        module: public(
            name for name in callables(getattr(torch, module)) if f"{module}_{name}" in ATEN
        )
        for module in ("linalg", "fft", "special")
    },
    "Tensor": public(name for name in callables(torch.Tensor) & ATEN),
}

SPACES = {"torch": torch, **{f"torch.{name}": getattr(torch, name) for name in ("linalg", "fft", "special")},
          "torch.nn.functional": torch.nn.functional, "torch.Tensor": torch.Tensor}
exposed["undocumented"] = sorted(
    f"{space}.{name}"
    for space, owner in SPACES.items()
    for name in exposed[space.removeprefix("torch.")]
    if not getattr(getattr(owner, name, getattr(torch._C._nn, name, None)), "__doc__", None)
)

target = pathlib.Path(__file__).parent.parent / "generate" / "exposed_names.json"
target.write_text(json.dumps(exposed, indent=1) + "\n")
print({key: len(value) for key, value in exposed.items() if key != "torch_version"})
