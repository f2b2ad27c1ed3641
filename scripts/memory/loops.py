"""The loops of loops.ts in PyTorch: python loops.py NAME ROUNDS [SECONDS] prints the same figures."""

import json
import os
import sys
import time
import warnings

import torch

warnings.filterwarnings("ignore")
PLACES = [0.1, 0.5, 1]


def leaf(size=1000):
    return torch.ones(size, requires_grad=True)


def keeping(keep):
    class Keeping(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            keep(ctx, x, y)
            return y

        @staticmethod
        def backward(ctx, grad):
            return grad.mul(2)

    return Keeping


def typed_array():
    t = torch.ones(40_000)
    return lambda: t.add(1).numpy()


def typed_array_small():
    t = torch.ones(4)
    return lambda: t.add(1).numpy()


def ctx_output():
    x = leaf()
    keep = keeping(lambda ctx, x, y: setattr(ctx, "y", y))
    return lambda: keep.apply(x).sum().backward()


def ctx_output_unused():
    x = leaf()
    keep = keeping(lambda ctx, x, y: setattr(ctx, "y", y))
    return lambda: keep.apply(x)


def ctx_nested():
    x = leaf()
    keep = keeping(lambda ctx, x, y: setattr(ctx, "all", {"list": [x, y]}))
    return lambda: keep.apply(x).sum()


def hook():
    x = leaf()

    def turn():
        y = x.mul(2)
        y.register_hook(lambda grad: grad.mul(y))
        y.sum().backward()

    return turn


def hook_unused():
    def turn():
        x = leaf()
        x.register_hook(lambda grad: grad.mul(x))

    return turn


def hook_on_leaf():
    def turn():
        x = leaf()
        x.register_hook(lambda grad: grad.mul(x))
        x.mul(2).sum().backward()

    return turn


def hook_after_accumulation():
    def turn():
        x = leaf()

        def reset(_):
            x.grad = None

        x.register_post_accumulate_grad_hook(reset)
        x.mul(2).sum().backward()

    return turn


def hook_on_grad_fn():
    x = leaf()

    def turn():
        y = x.exp()
        y.grad_fn.register_hook(lambda inputs, outputs: y.shape and None)
        y.grad_fn.register_prehook(lambda outputs: y.shape and None)
        y.sum().backward()

    return turn


def hook_names_grad_fn():
    x = leaf()

    def turn():
        y = x.exp()
        node = y.grad_fn
        node.register_hook(lambda inputs, outputs: node.name() and None)
        y.sum().backward()

    return turn


def hook_in_graph():
    x = leaf()

    def turn():
        y = x.mul(2)
        loss = y.sum()
        y.register_hook(lambda grad: grad.mul(loss))
        loss.backward()

    return turn


def hook_across_parts():
    x = leaf()

    def turn():
        a, b = x.chunk(2)
        a.register_hook(lambda grad: grad.mul(b))
        b.register_hook(lambda grad: grad.mul(a))
        a.add(b).sum().backward()

    return turn


def create_graph():
    return lambda: leaf().exp().sum().backward(create_graph=True)


def create_graph_added():
    x = leaf()
    return lambda: x.exp().sum().backward(create_graph=True)


def create_graph_reset():
    x = leaf()

    def turn():
        x.exp().sum().backward(create_graph=True)
        x.grad = None

    return turn


def share_lost():
    """What a queue of torch.multiprocessing holds of a tensor that no process takes: a file descriptor."""
    from multiprocessing.reduction import ForkingPickler

    import torch.multiprocessing

    return lambda: ForkingPickler.dumps(torch.ones(1000))


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(name, rounds, seconds=float("inf")):
    turn = globals()[name]()
    rss = []
    start = time.monotonic()
    done = 0
    error = None
    try:
        for place in PLACES:
            while done < place * rounds:
                if time.monotonic() - start > seconds:
                    raise TimeoutError(f"took more than {seconds} s")
                turn()
                done += 1
            rss.append(round(resident() / 1e6))
    except Exception as failure:  # Running out of what a loop takes is its result.
        error = f"{type(failure).__name__}: {failure}"
    print(json.dumps({"rss": rss, "rounds": done, "seconds": time.monotonic() - start, **({"error": error} if error else {})}))


if __name__ == "__main__":
    if sys.argv[1] == "--list":
        print(json.dumps([k for k, v in globals().items() if callable(v) and k not in ("leaf", "keeping", "resident", "main")]))
    else:
        main(sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:]))
