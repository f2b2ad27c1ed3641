"""Packed sequences through nn.RNN, LSTM and GRU, and the functions around them (torch.nn.utils.rnn).

Each case is one vector: the padded output, the final states, and the gradients of the input and of every parameter.
Numbers are drawn in float64, where processors' ways to draw them differ less than the test can see.
"""

import itertools

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import rnn

from fixtures import FOLDER

torch.set_default_dtype(torch.float64)
LENGTHS, INPUT, HIDDEN = [3, 5, 1, 4], 2, 3
KINDS = {
    "RNN": lambda **options: nn.RNN(INPUT, HIDDEN, **options),
    "LSTM": lambda **options: nn.LSTM(INPUT, HIDDEN, **options),
    "LSTM_proj": lambda **options: nn.LSTM(INPUT, HIDDEN, proj_size=2, **options),
    "GRU": lambda **options: nn.GRU(INPUT, HIDDEN, **options),
}


def case(kind, bidirectional, batch_first, sort, dropout, given):
    torch.manual_seed(len(kind))
    layer = KINDS[kind](num_layers=2, bidirectional=bidirectional, batch_first=batch_first, dropout=dropout)
    lengths = sorted(LENGTHS, reverse=True) if sort else LENGTHS
    x = torch.randn(*([4, 5] if batch_first else [5, 4]), INPUT).requires_grad_()
    packed = rnn.pack_padded_sequence(x, lengths, batch_first=batch_first, enforce_sorted=sort)
    rows = 4 if bidirectional else 2
    sizes = [layer.proj_size or HIDDEN, HIDDEN] if kind.startswith("LSTM") else [HIDDEN]
    states = [torch.randn(rows, 4, size).requires_grad_() for size in sizes]
    hx = (tuple(states) if kind.startswith("LSTM") else states[0]) if given else None
    output, final = layer(packed, hx)
    padded, back = rnn.pad_packed_sequence(output, batch_first=batch_first, padding_value=-1, total_length=6)
    assert back.tolist() == lengths
    results = [padded, *final] if kind.startswith("LSTM") else [padded, final]
    total = sum((result * torch.randn(result.shape)).sum() for result in results)
    total.backward()
    gradients = [x.grad, *([state.grad for state in states] if given else []), *(p.grad for p in layer.parameters())]
    return torch.cat([tensor.detach().flatten() for tensor in [*results, *gradients]])


cases = {}
for options in itertools.product(KINDS, *[(False, True)] * 3, (0.0, 0.4), (False, True)):
    flags = "".join(str(int(bool(flag))) for flag in options[1:])
    cases[f"{options[0]}/{flags}"] = case(*options)

torch.set_default_dtype(torch.float32)
sequences = [torch.arange(3.0), torch.arange(5.0) + 10, torch.arange(1.0) + 20]
packed = rnn.pack_sequence(sequences, enforce_sorted=False)
cases["functions/data"], cases["functions/batch_sizes"] = packed.data, packed.batch_sizes
cases["functions/sorted"], cases["functions/unsorted"] = packed.sorted_indices, packed.unsorted_indices
cases["functions/left"] = rnn.pad_sequence(sequences, batch_first=True, padding_value=-1, padding_side="left")
save_file(cases, FOLDER / "packed.safetensors")
print(len(cases), (FOLDER / "packed.safetensors").stat().st_size)
