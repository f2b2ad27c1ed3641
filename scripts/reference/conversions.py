"""What torch.tensor and x[...] = v make of numbers at and beyond the limits of each dtype (null: refused): test/fixtures/conversions.json.

Run with a Python that has torch 2.13.0.
"""

import json
from pathlib import Path

import torch

DTYPES = ['uint8', 'int8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float16', 'bfloat16', 'float32', 'float64', 'bool', 'complex64', 'complex128']
INTEGERS = [0, 1, -1, 127, 128, -128, -129, 255, 256, -255, -256, 300, -300, 16777217]
INTEGERS += [sign * 2**bits + off for bits in (15, 16, 31, 32, 53, 63, 64) for sign in (1, -1) for off in (-1, 0, 1)]
FLOATS = [0.1, 3.7, -3.7, -0.5, 255.5, 300.5, 1.0000000000000002, float('inf'), float('-inf'), float('nan')]
COMPLEX = [0.1 + 1e-17j]


def text(value):
    """A value as the test reads it: exact, whatever its size."""
    if isinstance(value, complex):
        return [repr(value.real), repr(value.imag)]
    return str(value) if isinstance(value, (bool, int)) else repr(value)


def outcome(make):
    try:
        return text(make().item())
    except (RuntimeError, ValueError, TypeError, OverflowError):
        return None


def assigned(index, value, dtype):
    x = torch.zeros(2, dtype=dtype)
    x[index] = value
    return x[0]


table = {}
for name in DTYPES:
    dtype = getattr(torch, name)
    table[name] = [
        [
            type(value).__name__,
            text(value),
            outcome(lambda: torch.tensor([value], dtype=dtype)[0]),
            outcome(lambda: assigned(0, value, dtype)),
        ]
        for value in [*INTEGERS, *FLOATS, *COMPLEX, True]
    ]

path = Path(__file__).parents[2] / 'test/fixtures/conversions.json'
path.write_text(json.dumps(table, separators=(',', ':')) + '\n')
