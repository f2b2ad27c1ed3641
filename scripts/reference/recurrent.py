"""nn.RNN, LSTM and GRU: outputs, final states and every gradient, over all their options.

Weights, inputs and the gradients of the outputs come from the seed, as in the test. Each case is one vector: output,
states, gradients of input, of the given states and of every parameter, flattened in this order.

Numbers are drawn in float64, where processors' ways to draw them differ less than the test can see.
"""

import itertools

import torch
from safetensors.torch import save_file
from torch import nn

from fixtures import FOLDER

torch.set_default_dtype(torch.float64)
L, N, INPUT, HIDDEN = 4, 2, 2, 3
KINDS = {
    "RNN": lambda **options: nn.RNN(INPUT, HIDDEN, **options),
    "RNN_relu": lambda **options: nn.RNN(INPUT, HIDDEN, nonlinearity="relu", **options),
    "LSTM": lambda **options: nn.LSTM(INPUT, HIDDEN, **options),
    "LSTM_proj": lambda **options: nn.LSTM(INPUT, HIDDEN, proj_size=2, **options),
    "GRU": lambda **options: nn.GRU(INPUT, HIDDEN, **options),
}


def case(kind, layers, bidirectional, batch_first, batched, bias, given, dtype):
    torch.manual_seed(layers * 7 + len(kind))
    layer = KINDS[kind](num_layers=layers, bidirectional=bidirectional, batch_first=batch_first, bias=bias).to(dtype)
    shape = ((N, L) if batch_first else (L, N)) if batched else (L,)
    x = torch.randn(*shape, INPUT).to(dtype).requires_grad_()
    rows = layers * (2 if bidirectional else 1)
    sizes = [layer.proj_size or HIDDEN, HIDDEN] if kind.startswith("LSTM") else [HIDDEN]
    states = [
        torch.randn(*([rows, N, size] if batched else [rows, size])).to(dtype).requires_grad_() for size in sizes
    ]
    if given:
        output, final = layer(x, tuple(states) if kind.startswith("LSTM") else states[0])
    else:
        output, final = layer(x)
    results = [output, *final] if kind.startswith("LSTM") else [output, final]
    total = sum((result * torch.randn(result.shape).to(dtype)).sum() for result in results)
    total.backward()
    gradients = [x.grad, *([state.grad for state in states] if given else []), *(p.grad for p in layer.parameters())]
    return torch.cat([tensor.detach().flatten() for tensor in [*results, *gradients]])


cases = {}
for options in itertools.product(KINDS, (1, 3), *[(False, True)] * 5):
    for dtype in (torch.float32, torch.float64):
        flags = "".join(str(int(flag)) for flag in options[2:])
        name = f"{options[0]}/{options[1]}/{flags}/{str(dtype).removeprefix('torch.')}"
        cases[name] = case(*options, dtype)
save_file(cases, FOLDER / "recurrent.safetensors")
print(len(cases), (FOLDER / "recurrent.safetensors").stat().st_size)
