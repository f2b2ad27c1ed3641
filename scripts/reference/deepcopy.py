"""What copy.deepcopy keeps of tensors: shapes, strides, offsets, the storages that they share and the storages' sizes.
test/tensor/deepcopy.test.ts builds the same."""

import copy

import torch
from torch import nn

from fixtures import values, write_compact

x = lambda: torch.arange(24.0)


def views():
    a = x()
    return [a, a.view(4, 6), a[3:9:2], a.view(4, 6).t()[1:3]]


def gaps():
    a = x().view(4, 6)[:, ::2]
    return [a, a.clone()]


def expanded():
    return [torch.ones(1, 3).expand(4, 3), torch.tensor(2.0).expand(2, 2)]


def dtypes():
    a = x()
    return [a, a.view(torch.int32)[2:], a.view(torch.uint8)[:9]]


def parts():
    z = torch.complex(x(), -x())
    return [z, z.real, z.imag[::2]]


def conjugated():
    z = torch.complex(x(), -x())
    return [z, z.conj(), z.conj().imag, z.imag]


def gradients():
    a, g = x().requires_grad_(), x()
    a.grad = g.view(24)
    b = torch.zeros(12, requires_grad=True)
    b.grad = g[::2]
    return [a, a.grad, g, b, b.grad]


def parameters():
    a = x()
    return [nn.Parameter(a.view(4, 6)), nn.Parameter(a.view(4, 6)[:, ::2]), nn.Parameter(a.view(4, 6).t()), a]


def buffers():
    a = x()
    return [nn.Buffer(a[:6]), nn.Buffer(a[6:]), a]


def module():
    m = nn.Module()
    a = x()
    m.first, m.second = nn.Buffer(a[:6]), nn.Buffer(a[2:8])
    m.third = nn.Parameter(a)
    return [m.first, m.second, m.third, a], lambda c: [c[0].first, c[0].second, c[0].third, c[1]], [m, a]


def empties():
    a = torch.empty(0)
    return [a, a.view(0, 3), torch.empty(2, 0)]


def meta():
    a = torch.empty(4, 6, device="meta")
    return [a, a[:, ::2]]


def sparse():
    return [torch.eye(3).to_sparse()]


def seen(tensors):
    """Storages are numbered in the order in which they are met."""
    storages = []
    rows = []
    for tensor in tensors:
        row = {"class": type(tensor).__name__, "requires_grad": tensor.requires_grad}
        if not tensor.is_sparse:
            row |= {"stride": list(tensor.stride()), "offset": tensor.storage_offset()}
        if not tensor.is_sparse and not tensor.is_meta:
            storage = tensor.untyped_storage()
            if storage._cdata not in storages:
                storages.append(storage._cdata)
            row |= {"storage": storages.index(storage._cdata), "bytes": storage.nbytes()}
        if not tensor.is_meta:
            dense = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
            row["values"] = values(torch.view_as_real(dense.resolve_conj()) if dense.is_complex() else dense)
        rows.append(row)
    return rows


cases = {}
for make in [views, gaps, expanded, dtypes, parts, conjugated, gradients, parameters, buffers, module, empties, meta, sparse]:
    made = make()
    tensors, read, held = made if isinstance(made, tuple) else (made, lambda copied: copied, made)
    copied = read(copy.deepcopy(held))
    assert not {id(tensor) for tensor in tensors} & {id(tensor) for tensor in copied}
    cases[make.__name__] = seen(copied)
write_compact("deepcopy.json", {"cases": cases}, "cases")
