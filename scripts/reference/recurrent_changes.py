"""What may change between forward and backward of a recurrent layer, and which gradients it has then.

Each case changes one tensor that went in or came out; PyTorch refuses the backward, or has a gradient for everything
that wants one: null, or the sum of its numbers, each times its place (from 1). By libtorch's own operators, in float64:
in float32 oneDNN has nn.LSTM, which keeps more than it needs.
"""

import torch
from torch import nn

from fixtures import write_compact

torch.set_default_dtype(torch.float64)
L, N, INPUT, HIDDEN = 4, 2, 2, 3
KINDS = {
    "RNN": lambda: nn.RNN(INPUT, HIDDEN, num_layers=2),
    "LSTM": lambda: nn.LSTM(INPUT, HIDDEN, bidirectional=True),
    "LSTM_proj": lambda: nn.LSTM(INPUT, HIDDEN, num_layers=2, proj_size=2),
    "GRU": lambda: nn.GRU(INPUT, HIDDEN, num_layers=2),
}
# Which parameters want no gradient, by a part of their names.
FROZEN = {
    "nothing": lambda name: False,
    "all but a bias": lambda name: name not in ("bias_hh_l1", "bias_hh_l0_reverse"),
    "the first layer": lambda name: "_l0" in name,
    "weight_hh": lambda name: "weight_hh" in name,
    "weight_ih": lambda name: "weight_ih" in name,
    "everything": lambda name: True,
}
# In place; another tensor as data; another dtype as data, as module.float() does it.
CHANGES = {
    "add": lambda tensor: tensor.add_(1),
    "data": lambda tensor: setattr(tensor, "data", tensor.data + 1),
    "float": lambda tensor: setattr(tensor, "data", tensor.data.float()),
}


def place_sum(gradient):
    if gradient is None:
        return None
    numbers = gradient.double().flatten()
    return float(f"{(numbers * torch.arange(1, len(numbers) + 1)).sum().item():.10g}")


def run(kind, frozen, wants, steps, change, name):
    """`wants`: which of x, h_0 and c_0 want a gradient. `name`: what changes."""
    torch.manual_seed(len(kind))
    layer = KINDS[kind]()
    for parameter, weight in layer.named_parameters():
        weight.requires_grad_(not FROZEN[frozen](parameter))
    given = {"x": torch.randn(steps, N, INPUT), "h_0": torch.randn(2, N, layer.proj_size or HIDDEN)}
    if kind.startswith("LSTM"):
        given["c_0"] = torch.randn(2, N, HIDDEN)
    for tensor in wants:
        given[tensor].requires_grad_()
    hx = (given["h_0"], given["c_0"]) if kind.startswith("LSTM") else given["h_0"]
    output, final = layer(given["x"], hx)
    total = output.mul(torch.arange(output.numel()).view_as(output)).sum()
    results = {"output": output, "h_n": final[0] if kind.startswith("LSTM") else final}
    if name in results:
        results[name].data.mul_(2)
    else:
        tensor = given[name] if name in given else layer.get_parameter(name)
        with torch.no_grad():
            CHANGES[change](tensor)
    try:
        total.backward()
    except RuntimeError as error:
        return None if "modified by an inplace operation" in str(error) else str(error)
    return [place_sum(t.grad) for t in [*given.values(), *layer.parameters()]]


def changes_of(kind, wants, steps):
    """Pairs of a change and what it changes. Those of `data` do not depend on much."""
    parameters = [name for name, _ in KINDS[kind]().named_parameters()]
    yield from (("add", name) for name in [*parameters, "x", "h_0", *(["c_0"] if kind.startswith("LSTM") else [])])
    if wants or steps == 1:
        return
    yield from ((change, name) for change in ["data", "float"] for name in parameters)
    yield from (("double", name) for name in ["output", "h_n"])


cases = {}
for kind in KINDS:
    for frozen in FROZEN:
        for wants in [[], ["x"], ["h_0"], *([["c_0"]] if kind.startswith("LSTM") else [])]:
            if not wants and all(FROZEN[frozen](name) for name, _ in KINDS[kind]().named_parameters()):
                continue
            for steps in [L, 1] if not wants else [L]:
                for change, name in changes_of(kind, wants, steps):
                    result = run(kind, frozen, wants, steps, change, name)
                    # Another reason: h_0's views of its layers must not change with it.
                    if isinstance(result, str):
                        assert "view" in result and name == wants[0], result
                        continue
                    cases["/".join([kind, frozen, "+".join(wants), str(steps), change, name])] = result

write_compact("recurrent_changes.json", {"cases": cases}, key="cases")
print(len(cases), "of them refused:", sum(case is None for case in cases.values()))
