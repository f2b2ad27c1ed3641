"""Lazy modules: how they print before and after their first forward, their state, and training with an optimizer that
was made before it."""

import torch
from torch import nn

from fixtures import write


def seen(call):
    """The kind of error that a call raises and its first words."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return None


def network():
    return nn.Sequential(nn.LazyLinear(4), nn.Tanh(), nn.LazyLinear(2, bias=False), nn.LazyLinear(1))


def state(model):
    return {name: None if nn.parameter.is_lazy(value) else value.tolist() for name, value in model.state_dict().items()}


def trained(when):
    torch.manual_seed(3)
    model = network()
    x = torch.randn(5, 3)
    if when == "after":
        model(x)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


torch.manual_seed(0)
model = network()
before = {"text": str(model), "state": state(model), "lazy": [isinstance(m, nn.modules.lazy.LazyModuleMixin) for m in model],
          "weight": str(model[0].weight), "buffer": str(nn.UninitializedBuffer())}
output = model(torch.ones(2, 3))
after = {"text": str(model), "state": state(model), "lazy": [isinstance(m, nn.modules.lazy.LazyModuleMixin) for m in model],
         "classes": [type(m).__name__ for m in model], "output": output.tolist()}

full = nn.Linear(3, 4)
loaded = nn.LazyLinear(4)
loaded.load_state_dict({name: torch.ones_like(value) for name, value in full.state_dict().items()})
loaded_text = str(loaded)
loaded(torch.ones(1, 3))
lazy = nn.LazyLinear(4)
errors = {
    "shape": seen(lambda: nn.LazyLinear(4).weight.shape),
    "wrong_width": seen(lambda: (lambda m: (m.load_state_dict(full.state_dict()), m(torch.ones(1, 5))))(nn.LazyLinear(4))),
    "lazy_into_full": seen(lambda: full.load_state_dict(lazy.state_dict())),
    "share_memory": seen(lambda: lazy.share_memory()),
    "missing": seen(lambda: nn.LazyLinear(4, bias=False).load_state_dict(full.state_dict())),
    "initialize": seen(lambda: type("Half", (nn.modules.lazy.LazyModuleMixin, nn.Linear), {})(1, 1)(torch.ones(1))),
}
write("lazy.json", {
    "before": before, "after": after, "loaded": [loaded_text, str(loaded), type(loaded).__name__, loaded.bias.tolist()],
    "losses": {when: trained(when) for when in ("before", "after")}, "errors": errors,
})
