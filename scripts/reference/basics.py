"""Random numbers, initial weights, optimizers, losses, clipping, printing and indexing."""

import torch
from torch import nn, optim
from torch.nn import functional as F

from fixtures import digest, values, write

# --- random numbers -----------------------------------------------------------------------------


# What processors of every kind compute alike. The others scale, or take logarithms and cosines, with fused
# multiplications or without, and by several approximations: their last bits differ.
EXACT = {"rand", "randint", "randperm", "bernoulli", "dropout", "multinomial"}


def random_numbers():
    torch.manual_seed(42)
    results = {
        "randn": torch.randn(3, 5),
        "rand": torch.rand(7),
        "randint": torch.randint(0, 100, (20,)),
        "randperm": torch.randperm(30),
        "normal": torch.empty(17).normal_(2, 3),
        "uniform": torch.empty(17).uniform_(-1, 2),
        "bernoulli": torch.bernoulli(torch.full((30,), 0.3)),
        "dropout": F.dropout(torch.ones(40), 0.4),
        "randn_double": torch.randn(33, dtype=torch.float64),
        "multinomial": torch.multinomial(torch.tensor([0.1, 0.5, 0.4]), 12, replacement=True),
    }
    generator = torch.Generator().manual_seed(-5)
    results["generator"] = torch.randn(4, generator=generator)
    return {name: digest(tensor) if name in EXACT else values(tensor) for name, tensor in results.items()}


def initial_weights():
    torch.manual_seed(9)
    modules = {
        "Linear": nn.Linear(5, 3),
        "Linear_no_bias": nn.Linear(7, 2, bias=False),
        "RNN": nn.RNN(3, 4, 2, bidirectional=True),
        "LSTM": nn.LSTM(3, 5, 2, proj_size=2),
        "GRU": nn.GRU(3, 4),
        "Embedding": nn.Embedding(6, 4, padding_idx=2),
    }
    weights = {f"{key}.{name}": p for key, module in modules.items() for name, p in module.named_parameters()}
    for name in ("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"):
        weights[name] = getattr(nn.init, name)(torch.empty(4, 6))
    weights["orthogonal_"] = nn.init.orthogonal_(torch.empty(4, 3))
    return {name: values(tensor) for name, tensor in weights.items()}


# --- optimizers ---------------------------------------------------------------------------------

OPTIMIZERS = {
    "sgd": ("SGD", {"lr": 0.1}),
    "sgd_momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "sgd_dampening": ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    "sgd_nesterov": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "sgd_maximize": ("SGD", {"lr": 0.01, "maximize": True, "weight_decay": 0.1}),
    "adam": ("Adam", {"lr": 0.01}),
    "adam_betas": ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.02}),
    "adam_amsgrad": ("Adam", {"lr": 0.05, "amsgrad": True}),
    "adam_maximize": ("Adam", {"lr": 0.01, "maximize": True}),
    "adamw": ("AdamW", {"lr": 0.01}),
    "adamw_decay": ("AdamW", {"lr": 0.02, "weight_decay": 0.3, "amsgrad": True}),
    "adam_decoupled": ("Adam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
}


def optimize(name, options, dtype):
    torch.manual_seed(5)
    a = torch.randn(3, 4).to(dtype).requires_grad_()
    # A parameter whose layout is not row by row, and one that has no gradient at first.
    b = torch.randn(4, 2).to(dtype).t().detach().requires_grad_()
    c = torch.randn(2).to(dtype).requires_grad_()
    optimizer = getattr(optim, name)([a, b, c], **options)
    for step in range(6):
        optimizer.zero_grad()
        loss = (a.sin() @ b.t().exp()).pow(2).sum() * 0.1
        if step >= 2:
            loss = loss + (c - 1).pow(2).sum()
        loss.backward()
        optimizer.step()
    state = optimizer.state_dict()
    return {
        "params": [values(p) for p in (a, b, c)],
        "state": {
            str(key): {name: values(t) for name, t in entry.items() if t is not None}
            for key, entry in state["state"].items()
        },
        "param_groups": state["param_groups"],
        "text": str(optimizer),
    }


def optimizers():
    return {
        key: {"optimizer": name, "options": options}
        | {str(dtype).removeprefix("torch."): optimize(name, options, dtype) for dtype in (torch.float32, torch.float64)}
        for key, (name, options) in OPTIMIZERS.items()
    }


SPARSE = [
    {"lr": 0.1},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "maximize": True},
]


def sparse(options):
    """SGD with the sparse gradients of an embedding."""
    torch.manual_seed(0)
    embedding = nn.Embedding(4, 2, sparse=True)
    linear = nn.Linear(2, 1)
    optimizer = optim.SGD([*embedding.parameters(), *linear.parameters()], **options)
    for _ in range(3):
        optimizer.zero_grad()
        linear(embedding(torch.tensor([1, 1, 3]))).sum().backward()
        optimizer.step()
    buffer = optimizer.state_dict()["state"].get(0, {}).get("momentum_buffer")
    return {
        "options": options,
        "params": [values(p) for p in (embedding.weight, linear.weight, linear.bias)],
        "buffer": None if buffer is None else values(buffer.to_dense()),
    }


# --- losses and clipping ------------------------------------------------------------------------


def losses():
    torch.manual_seed(6)
    logits = torch.randn(4, 5, dtype=torch.float64)
    target = torch.tensor([1, 0, 4, 2])
    weight = torch.tensor([0.5, 1.0, 2.0, 0.1, 1.5], dtype=torch.float64)
    probabilities = torch.softmax(torch.randn(4, 5, dtype=torch.float64), 1)
    x, y = torch.randn(3, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    results = {
        "cross_entropy": F.cross_entropy(logits, target),
        "cross_entropy_none": F.cross_entropy(logits, target, reduction="none"),
        "cross_entropy_weight": F.cross_entropy(logits, target, weight=weight),
        "cross_entropy_smoothing": F.cross_entropy(logits, target, label_smoothing=0.2, reduction="sum"),
        "cross_entropy_ignore": F.cross_entropy(logits, target, ignore_index=4),
        "cross_entropy_probabilities": F.cross_entropy(logits, probabilities),
        "nll_loss": F.nll_loss(F.log_softmax(logits, 1), target),
        "mse_loss": F.mse_loss(x, y),
        "mse_loss_sum": F.mse_loss(x, y, reduction="sum"),
        "l1_loss": F.l1_loss(x, y),
        "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits(x, torch.sigmoid(y)),
    }
    return {name: values(tensor) for name, tensor in results.items()}


CLIPS = [(1.0, 2.0), (1.0, 1.0), (0.5, float("inf")), (100.0, 2.0), (1.0, 3.0)]


def clipping():
    results = []
    for max_norm, norm_type in CLIPS:
        torch.manual_seed(8)
        params = [torch.zeros(3, 2).requires_grad_(), torch.zeros(4).requires_grad_(), torch.zeros(2).requires_grad_()]
        for p in params[:2]:
            p.grad = torch.randn(p.shape)
        total = nn.utils.clip_grad_norm_(params, max_norm, norm_type=norm_type)
        results.append(
            {
                "max_norm": max_norm,
                "norm_type": str(norm_type),
                "total": values(total),
                "grads": [values(p.grad) for p in params[:2]],
            }
        )
    torch.manual_seed(8)
    p = torch.zeros(5).requires_grad_()
    p.grad = torch.randn(5)
    nn.utils.clip_grad_value_([p], 0.5)
    return {"norm": results, "value": values(p.grad)}


# --- printing -----------------------------------------------------------------------------------


def modules():
    return {
        "Net": nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Sequential(nn.ReLU(), nn.Dropout(0.5))),
        "RNN": nn.RNN(1, 10, batch_first=True),
        "LSTM": nn.LSTM(3, 4, num_layers=2, dropout=0.3, bidirectional=True, bias=False),
        "LSTM_proj": nn.LSTM(3, 4, proj_size=2),
        "GRU": nn.GRU(3, 4),
        "Embedding": nn.Embedding(3, 4, padding_idx=1),
        "losses": nn.ModuleList([nn.MSELoss(), nn.CrossEntropyLoss()]),
        "repeated": nn.ModuleList([nn.Linear(1, 2), nn.Tanh(), nn.Tanh(), nn.Tanh(), nn.Linear(1, 2)]),
        "nothing": nn.ModuleList([]),
        "Softmax": nn.Softmax(dim=1),
    }


def tensors():
    inf, nan = float("inf"), float("nan")
    leaf = torch.tensor([1.0, 2.0], requires_grad=True)
    return {
        "scalar": torch.tensor(3.0),
        "half": torch.tensor([0.5, 1.25]),
        "ties": torch.tensor([0.03125, 0.09375, 0.15625], dtype=torch.float64),
        "whole": torch.tensor([1.0, 2.0, -3.0]),
        "mixed": torch.tensor([1.0, 2.5, -3.75]),
        "large": torch.tensor([1.0, 123456.0]),
        "huge": torch.tensor([1e10, 1.0]),
        "tiny": torch.tensor([1e-5, 1.0]),
        "special": torch.tensor([1.0, nan, inf, -inf]),
        "special_fraction": torch.tensor([1.5, nan, inf]),
        "all_nan": torch.tensor([nan, nan]),
        "zeros": torch.zeros(2, 3),
        "negative_zero": torch.tensor([-0.0, 1.0]),
        "matrix": torch.arange(6.0).reshape(2, 3) / 7,
        "cube": torch.arange(8.0).reshape(2, 2, 2),
        "int64": torch.tensor([[1, 20], [300, -4]]),
        "int32": torch.tensor([1, 2], dtype=torch.int32),
        "uint8": torch.tensor([1, 255], dtype=torch.uint8),
        "bool": torch.tensor([[True, False], [False, True]]),
        "float64": torch.tensor([1.0, 2.5], dtype=torch.float64),
        "float16": torch.tensor([1.0, 2.5], dtype=torch.float16),
        "bfloat16": torch.tensor([1.0, 3.125], dtype=torch.bfloat16),
        "complex": torch.tensor([1 + 2j, -0.5 - 3j]),
        "empty": torch.tensor([]),
        "empty_matrix": torch.zeros(0, 3),
        "empty_int": torch.zeros(0, dtype=torch.int64),
        "leaf": leaf,
        "graph": leaf * 2,
        "long_suffix": torch.zeros(4, 3, requires_grad=True).sum(1) * torch.arange(4.0) * 1e6,
        "long": torch.arange(30.0),
        "wide": torch.arange(60.0).reshape(2, 30) / 3,
        "summarized": torch.arange(2000.0),
        "summarized_matrix": torch.arange(10000).reshape(100, 100),
        "summarized_cube": torch.arange(4000.0).reshape(10, 20, 20),
        "one_column": torch.arange(3.0).reshape(3, 1),
    }


def short():
    torch.set_printoptions(precision=2, threshold=5, edgeitems=1, sci_mode=False)
    text = str(torch.arange(7.0) / 3 + 1000)
    torch.set_printoptions(profile="default")
    return text


# --- indexing -----------------------------------------------------------------------------------


def indexing():
    x = torch.arange(60).reshape(3, 4, 5)
    rows = torch.tensor([2, 0])
    mask = x[:, 0, 0] > 10
    matrix_mask = x[:, :, 0] % 10 == 0
    results = {
        "0": x[0],
        "-1, 2": x[-1, 2],
        "1:": x[1:],
        ":, 1": x[:, 1],
        "..., -1": x[..., -1],
        ":, ::2, 1:4:2": x[:, ::2, 1:4:2],
        "None, 0": x[None, 0],
        "..., None": x[..., None],
        "1, None, :2, None": x[1, None, :2, None],
        "-2:, :-1": x[-2:, :-1],
        "5:": x[5:],
        "rows": x[rows],
        "rows, 1": x[rows, 1],
        ":, rows": x[:, rows],
        "rows, :, rows": x[rows, :, rows],
        "0, rows": x[0, rows],
        "mask": x[mask],
        "mask, 1:3": x[mask, 1:3],
        "matrix_mask": x[matrix_mask],
        "matrix_mask, 1:3": x[matrix_mask, 1:3],
        "True": x[True],
        "False": x[False],
        "list": x[[0, 2]],
        "scalar": x[torch.tensor(1)],
        "scalar, 0": x[torch.tensor(-1), 0],
        "true_scalar": x[torch.tensor(True)],
        "false_scalar": x[torch.tensor(False)],
        "bool_list": x[[True, False, True]],
    }
    assigned = {}

    def assign(name, index, value):
        y = x.clone()
        y[index] = value
        assigned[name] = values(y)

    assign("0", 0, -1)
    assign(":, 1:3", (slice(None), slice(1, 3)), 7)
    assign("rows", rows, -2)
    assign("mask", mask, 9)
    assign("row", (0, 0), torch.arange(5))
    assign("broadcast", (slice(None), 0), torch.arange(5).reshape(1, 5))
    assign("matrix_mask", matrix_mask, 3)
    return {"get": {name: values(tensor) for name, tensor in results.items()}, "set": assigned}


if __name__ == "__main__":
    write("random.json", {"numbers": random_numbers(), "initial": initial_weights()})
    write("optimizers.json", {"cases": optimizers(), "sparse": [sparse(options) for options in SPARSE]})
    write("losses.json", {"losses": losses(), "clipping": clipping()})
    write(
        "printing.json",
        {
            "tensors": {name: str(tensor) for name, tensor in tensors().items()},
            "modules": {name: str(module) for name, module in modules().items()},
            "short": short(),
        },
    )
    write("indexing.json", indexing())
