"""PyTorch's side (the protocol is in tstorch.ts). With --compile the forward runs under torch.compile;
with --graph a step is one CUDA graph."""

import io
import json
import resource
import sys
import time

import torch
from torch import nn, optim
from torch.nn import functional as F

spec = json.loads(sys.argv[1])
hidden, length, batch = spec["hidden"], spec["length"], spec["batch"]
device, graph = spec["device"], "--graph" in sys.argv
# Not torch.set_default_device: it costs a microsecond in every call.
on = {"device": device}
compiled = torch.compile if "--compile" in sys.argv else lambda function: function


def sine():
    rnn, linear = nn.RNN(1, 10, batch_first=True, **on), nn.Linear(10, 1, **on)
    model = nn.ModuleList([rnn, linear])
    criterion, optimizer = nn.MSELoss(), optim.Adam(model.parameters(), lr=1e-3, capturable=graph)
    x, y, h_0 = torch.randn(1, 19, 1, **on), torch.randn(1, 19, 1, **on), torch.zeros(1, 1, 10, **on)

    @compiled
    def loss_of(x, h_0, y):
        out, _ = rnn(x, h_0)
        return criterion(linear(out.view(-1, 10)).unsqueeze(0), y)

    def step():
        loss = loss_of(x, h_0, y)
        model.zero_grad()
        loss.backward()
        optimizer.step()

    return step, False


def layer():
    kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[spec["cell"]]
    return kind(28, hidden, num_layers=spec["layers"], bidirectional=spec["bidirectional"], **on)


def tokens():
    return torch.randint(0, 28, (batch, length), **on), torch.randint(0, 28, (length * batch,), **on)


def character():
    rnn, width = layer(), hidden * (2 if spec["bidirectional"] else 1)
    linear, criterion = nn.Linear(width, 28, **on), nn.CrossEntropyLoss()
    params = [*rnn.parameters(), *linear.parameters()]
    optimizer = optim.SGD(params, lr=1)
    x, y = tokens()

    @compiled
    def loss_of(x, y):
        out, _ = rnn(F.one_hot(x.T, 28).to(torch.float32))
        return criterion(linear(out.reshape(-1, width)), y)

    def step():
        loss = loss_of(x, y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1)
        optimizer.step()
        return loss

    return step, True


def scratch():
    def normal(*size):
        return torch.randn(size, **on) * 0.01

    W_xh, W_hh, W_hq = normal(28, hidden), normal(hidden, hidden), normal(hidden, 28)
    b_xh, b_hh, b_q = (torch.zeros(size, **on) for size in (hidden, hidden, 28))
    params = [W_xh, W_hh, W_hq, b_xh, b_hh, b_q]
    for p in params:
        p.requires_grad_(True)
    criterion = nn.CrossEntropyLoss()
    x, y = tokens()

    @compiled
    def loss_of(x, y):
        h, outputs = torch.zeros(batch, hidden, **on), []
        for x_t in F.one_hot(x.T, 28).to(torch.float32):
            h = torch.tanh(x_t.mm(W_xh) + b_xh + h.mm(W_hh) + b_hh)
            outputs.append(h.mm(W_hq) + b_q)
        return criterion(torch.cat(outputs), y)

    def step():
        loss = loss_of(x, y)
        loss.backward()
        norm = torch.sqrt(sum((p.grad**2).sum() for p in params))
        with torch.no_grad():
            if graph or norm > 1:  # a graph cannot read the norm
                scale = (1 / norm).clamp_max(1) if graph else 1 / norm
                for p in params:
                    p.grad *= scale
            for p in params:
                p -= p.grad
                p.grad.zero_()
        return loss

    return step, True


def inference():
    rnn = layer().eval()
    x = torch.randn(1, batch, 28, **on)
    state = (torch.zeros(1, batch, hidden, **on), torch.zeros(1, batch, hidden, **on))
    forward = compiled(lambda x, state: rnn(x, state)[1])

    def step():
        with torch.no_grad():
            for old, new in zip(state, forward(x, state)):
                old.copy_(new)

    def eager():
        nonlocal state
        with torch.no_grad():
            state = forward(x, state)

    return (step if graph else eager), False


def add():
    a, b = torch.randn(4, 4), torch.randn(4, 4)
    return lambda: a + b, False


def optimizer():
    params = [torch.randn(spec["shape"]).requires_grad_() for _ in range(spec["parameters"])]
    for p in params:
        gradient = torch.randn(spec["shape"])
        p.grad = gradient.to_sparse(1) if spec["optimizer"] == "SparseAdam" else gradient
    return getattr(optim, spec["optimizer"])(params).step, False


def program():
    import pathlib

    sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "examples" / "programs"))
    from run import start

    return start(spec["program"]), True


def calls():
    model = nn.Sequential(*(nn.Linear(8, 8) for _ in range(20)))
    x = torch.randn(1, 8)

    def step():
        with torch.no_grad():
            model(x)

    return step, False


def memory(field):
    """The resident memory, or its peak since it was forgotten, in MB. Linux alone."""
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith(field))


added = None


def file():
    path, ending, mapped, reads = spec["file"], spec["ending"], spec["mapped"], spec["reads"]
    if ending == "safetensors":
        from safetensors.torch import load_file

    def step():
        loaded = torch.load(path, mmap=mapped) if ending == "pt" else load_file(path, backend="mmap" if mapped else "pread")
        if reads:
            for tensor in loaded.values():
                tensor.sum().item()

    # What is loaded but once.
    small = io.BytesIO()
    torch.save([torch.ones(1)], small)
    small.seek(0)
    torch.load(small)[0].sum().item()
    if sys.platform == "linux":
        global added
        open("/proc/self/clear_refs", "w").write("5")
        before = memory("VmRSS")
        step()
        added = memory("VmHWM") - before
    return step, False


def captured(step):
    """The step as one CUDA graph; three steps before it let the optimizer make its state."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        result = step()

    def replay():
        recorded.replay()
        return result

    return replay


tasks = {"sine": sine, "character": character, "scratch": scratch, "inference": inference, "optimizer": optimizer}
tasks |= {"program": program, "calls": calls, "file": file}
torch.manual_seed(0)
step, reads = tasks.get(spec["task"], add)()
if graph:
    step = captured(step)


def run(count):
    for _ in range(count):
        loss = step()
        if reads:
            loss.item()
    if device == "cuda":
        torch.cuda.synchronize()


run(spec["warmup"])
version = f"PyTorch {torch.__version__}"
print(json.dumps({"version": version, "threads": torch.get_num_threads()}), flush=True)
for line in sys.stdin:
    count = int(line)
    started = time.perf_counter()
    run(count)
    us = (time.perf_counter() - started) / count * 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"us": us, "peak_mb": peak if added is None else added}), flush=True)
