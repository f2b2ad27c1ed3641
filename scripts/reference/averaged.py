"""What torch.optim.swa_utils.AveragedModel makes of a model that changes: parameters and buffers after each update."""

import torch
from torch import nn
from torch.optim import swa_utils as swa

import fixtures


def model():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    change(net, 0)
    return net


def change(net, step):
    """Values that float32 holds exactly, other ones at each step."""
    with torch.no_grad():
        for place, tensor in enumerate([*net.parameters(), *net.buffers()]):
            values = torch.arange(tensor.numel()).view(tensor.shape) * (place + 1) + step * step + place
            tensor.copy_(values if not tensor.is_floating_point() else values / 8)


CASES = {
    "default": {},
    "swa multi": {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
    "swa": {"avg_fn": swa.get_swa_avg_fn()},
    "ema multi": {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.75)},
    "ema": {"avg_fn": swa.get_ema_avg_fn(0.75)},
    "buffers": {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.75), "use_buffers": True},
    "default with buffers": {"use_buffers": True},
}


def run(options):
    net = model()
    averaged, seen = swa.AveragedModel(net, **options), []
    for step in range(1, 5):
        change(net, step)
        averaged.update_parameters(net)
        seen.append({name: value.flatten().tolist() for name, value in averaged.state_dict().items()})
    return {"seen": seen, "text": str(averaged)}


fixtures.write_compact("averaged.json", {"cases": {name: run(options) for name, options in CASES.items()}}, key="cases")
