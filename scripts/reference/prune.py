"""torch.nn.utils.prune: masks, state_dicts, gradients and messages."""

import re

import torch
from torch import nn
from torch.nn.utils import prune

from fixtures import values, write


def state(module):
    return {name: values(tensor) for name, tensor in module.state_dict().items()}


def message(function):
    try:
        function()
    except Exception as error:
        return re.sub(r"<class '[\w.]*\.(\w+)'>", r"\1", str(error))
    raise AssertionError("no error")


SCORES = torch.tensor([[5.0, 1.0, 3.0, 2.0], [0.0, 7.0, 6.0, 4.0], [1.0, 1.0, 9.0, 8.0]])
MASK = torch.tensor([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 1, 1]])
# What is done to the weight (3, 4) of a linear layer: functions of the namespace with their arguments after the name.
CASES = {
    "identity": [["identity"]],
    "random": [["random_unstructured", 0.4]],
    "random, a count": [["random_unstructured", 5]],
    "l1": [["l1_unstructured", 0.3]],
    "l1, rounded to even": [["l1_unstructured", 0.375]],
    "l1, none": [["l1_unstructured", 0]],
    "l1, scores": [["l1_unstructured", 4, {"importance_scores": "scores"}]],
    "random slices": [["random_structured", 1, 0]],
    "random slices, last": [["random_structured", 0.5, -1]],
    "norms": [["ln_structured", 2, 2, 1]],
    "norms, greatest": [["ln_structured", 1, "inf", 0]],
    "norms, scores": [["ln_structured", 0.5, 1, -1, {"importance_scores": "scores"}]],
    "mask": [["custom_from_mask", "mask"]],
    "elements, then elements": [["l1_unstructured", 0.25], ["random_unstructured", 0.5]],
    "elements, then slices": [["l1_unstructured", 3], ["ln_structured", 1, 2, 1]],
    "slices, then slices, then a mask": [["random_structured", 1, 1], ["ln_structured", 1, 1, 1], ["custom_from_mask", "mask"]],
    "slices, then elements, then nothing": [["ln_structured", 1, 2, 0], ["l1_unstructured", 0.5], ["identity"]],
}
NAMED = {"scores": SCORES, "mask": MASK, "inf": float("inf")}


def argument(value):
    if isinstance(value, dict):
        return {key: argument(each) for key, each in value.items()}
    return NAMED[value] if isinstance(value, str) else value


def case(steps):
    torch.manual_seed(0)
    layer = nn.Linear(4, 3)
    for name, *args in steps:
        keywords = argument(args.pop()) if args and isinstance(args[-1], dict) else {}
        getattr(prune, name)(layer, "weight", *map(argument, args), **keywords)
    result = {"steps": steps, "text": str(layer), "state": state(layer), "weight": values(layer.weight)}
    x = torch.arange(8.0).view(2, 4)
    layer(x).square().sum().backward()
    result["gradients"] = {name: values(parameter.grad) for name, parameter in layer.named_parameters()}
    with torch.no_grad():
        layer.weight_orig.add_(1)
    result["output"] = values(layer(x))
    prune.remove(layer, "weight")
    return result | {"removed": state(layer)}


def globally():
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    prune.l1_unstructured(net[0], "weight", 2)
    prune.global_unstructured(
        [(net[0], "weight"), (net[2], "weight"), (net[2], "bias")], prune.L1Unstructured,
        importance_scores={(net[2], "bias"): torch.tensor([0.0, 9.0])}, amount=0.4,
    )
    return {"state": state(net), "pruned": prune.is_pruned(net), "plain": prune.is_pruned(nn.Linear(2, 2))}


class Checkered(prune.BasePruningMethod):
    """A method of a user's own."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        mask = default_mask.clone()
        mask.view(-1)[::2] = 0
        return mask


def own():
    torch.manual_seed(2)
    layer = nn.Linear(4, 3)
    Checkered.apply(layer, "bias")
    Checkered.apply(layer, "weight")
    Checkered.apply(layer, "weight")
    container = next(hook for hook in layer._forward_pre_hooks.values() if isinstance(hook, prune.PruningContainer))
    return {"state": state(layer), "methods": len(container), "pruned": values(prune.L1Unstructured(2).prune(SCORES))}


def messages():
    linear = lambda: nn.Linear(4, 3)
    return {
        "amount": message(lambda: prune.l1_unstructured(linear(), "weight", 1.5)),
        "negative": message(lambda: prune.l1_unstructured(linear(), "weight", -2)),
        "too many": message(lambda: prune.random_unstructured(linear(), "weight", 13)),
        "too many slices": message(lambda: prune.random_structured(linear(), "weight", 4, 0)),
        "slices of a vector": message(lambda: prune.ln_structured(linear(), "bias", 1, 2, 0)),
        "dim": message(lambda: prune.ln_structured(linear(), "weight", 1, 2, 2)),
        "mask": message(lambda: prune.custom_from_mask(linear(), "weight", torch.ones(2))),
        "scores": message(lambda: prune.l1_unstructured(linear(), "weight", 1, importance_scores=torch.ones(2))),
        "not pruned": message(lambda: prune.remove(linear(), "weight")),
        "global type": message(lambda: prune.global_unstructured([(linear(), "weight")], prune.RandomStructured, amount=1)),
    }


write("prune.json", {
    "scores": values(SCORES), "mask": values(MASK), "cases": {name: case(steps) for name, steps in CASES.items()},
    "global": globally(), "own": own(), "messages": messages(),
})
