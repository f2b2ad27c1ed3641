"""Mixed precision on the CPU, and the summary of a GPU's memory; test/amp.test.ts and test/cuda do the same."""

import torch
from torch import nn

from fixtures import values, write

F = nn.functional


def autocast(dtype):
    """What operators give inside autocast, and the gradients of what was computed there."""
    torch.manual_seed(0)
    x, w, b = torch.randn(4, 6), torch.randn(5, 6, requires_grad=True), torch.randn(5)
    linear, gru = nn.Linear(6, 3), nn.GRU(6, 4)
    results = {}
    with torch.autocast("cpu", dtype=dtype):
        results["enabled"] = torch.is_autocast_enabled("cpu")
        results["dtype"] = str(torch.get_autocast_dtype("cpu"))
        results["mm"] = values(x.mm(w.t()))
        results["linear"] = values(F.linear(x, w, b))
        results["module"] = values(linear(x))
        results["exp"] = values(x.exp())
        results["softmax"] = values(x.mm(w.t()).softmax(-1))
        results["mse"] = values(F.mse_loss(x.mm(w.t()), torch.zeros(4, 5)))
        results["gru"] = str(gru(x.view(4, 1, 6))[0].dtype)
        with torch.autocast("cpu", enabled=False):
            results["inside"] = values(x.mm(w.t()))
        loss = F.linear(x, w, b).float().pow(2).mean()
    loss.backward()
    results["loss"] = values(loss)
    results["gradient"] = values(w.grad)
    results["after"] = values(x.mm(w.t()))
    return results


def scaler():
    """A run in which some gradients overflow."""
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    x = torch.randn(5, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=3)
    steps = []
    for step in range(12):
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        if step in (2, 7):
            loss = loss * float("inf")
        scaler.scale(loss).backward()
        if step % 2:
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        scaler.step(optimizer)
        scaler.update()
        steps.append({"state": scaler.state_dict(), "weight": values(model.weight)})
    return steps


def summaries():
    """memory_summary of made-up figures, in small and in large units."""
    names = ["allocated_bytes", "active_bytes", "requested_bytes", "reserved_bytes", "inactive_split_bytes"]
    names += ["allocation", "active", "segment", "inactive_split"]
    columns = ["current", "peak", "allocated", "freed"]
    cases = []
    for factor in (1, 977, 1_234_567, 9_876_543_210):
        stats = {"num_ooms": factor % 7, "num_alloc_retries": factor % 5}
        keys = [f"{name}.{pool}" for name in names for pool in ("all", "large_pool", "small_pool")]
        for i, key in enumerate(keys + ["oversize_allocations", "oversize_segments"]):
            for j, column in enumerate(columns):
                stats[f"{key}.{column}"] = (i * 13 + j * 7) * factor
        torch.cuda.memory.memory_stats = lambda device=None, stats=stats: stats
        for abbreviated in (False, True):
            text = torch.cuda.memory.memory_summary(device=3, abbreviated=abbreviated)
            cases.append({"stats": stats, "abbreviated": abbreviated, "text": text})
    return cases


write(
    "amp.json",
    {
        "autocast": {str(dtype): autocast(dtype) for dtype in (torch.bfloat16, torch.float16)},
        "scaler": scaler(),
        "summaries": summaries(),
    },
)
