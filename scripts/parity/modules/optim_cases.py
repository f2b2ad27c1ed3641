"""One sample of PyTorch's optimizer tests (optim_db): settings, 20 steps, parameters and state; see export_modules.py."""

import warnings
from copy import deepcopy
from traceback import extract_tb

import torch
from module_cases import NotExported, dense  # first: it makes the folder above importable
from module_cases import ModuleRecorder as Recorder
from torch.nn import Parameter
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db
from torch.utils._pytree import tree_flatten

STEPS = 20
# The steps after which state and settings go through a state_dict into another optimizer.
HALF = STEPS // 2
# What a gradient of each step is multiplied by: signs change, as in training.
SCALES = [1.0, 0.5, -0.25, 2.0, 1.0]
SHAPES = [[3, 4], [5], [], [2, 3, 2], [1, 6]]
# Muon takes matrices.
MATRICES = [[3, 4], [4, 3], [1, 6], [5, 5]]
# A parameter that gets a gradient from this step on.
LATE = 5
# The first steps through which gradients go where an optimizer is differentiable; but one, where a step changes in place
# what the one before saved.
RECORDED = [3, 1]


class Recorded(Recorder):
    def value(self, value):
        if isinstance(value, dict):
            return {"dict": {key: self.value(each) for key, each in value.items()}}
        return super().value(value)


def layout(info, kind):
    """The parameters of a kind: dtype, shape, and the step of the first gradient (None: there is none)."""
    shapes = MATRICES if info.name == "Muon" else SHAPES
    if kind == "mixed":
        return [
            ("float32", shapes[0], 0), ("float64", shapes[1], 0), ("float32", shapes[2], None), ("float64", shapes[3], LATE),
            ("float32", shapes[1], LATE),
        ]
    if kind == "sparse":
        return [("float32", [6, 3], 0), ("float32", [4], 0), ("float32", [5, 2], LATE)]
    if kind == "complex64":
        return [("complex64", [3], 0), ("complex64", [2, 2], 0), ("complex64", [], 0)]
    return [("float32" if kind == "groups" else kind, shape, 0) for shape in shapes]


def kinds(info):
    if info.only_supports_sparse_grads:
        return ["sparse", "float32"]
    return [
        "float32", "float64", "mixed",
        *(["complex64"] if info.supports_complex else []),
        *(["groups"] if info.supports_param_groups else []),
        *(["sparse"] if info.supports_sparse else []),
    ]


def implementations(info):
    """The switches of each implementation; the first is the loop."""
    names = [name for name in info.supported_impls if name != "fused" or "cpu" in info.supports_fused_on]
    loop = {name: False for name in names}
    switches = [loop, *({**loop, name: True} for name in names)]
    return switches if names == [] else [*switches, {}]


def problem(info, kind):
    """Parameters, where they should go, and the weights of the way there."""
    generator = torch.Generator().manual_seed(3)
    rows = []
    for dtype, shape, first in layout(info, kind):
        dtype = getattr(torch, dtype)
        start, target = (torch.randn(shape, generator=generator, dtype=dtype) for _ in range(2))
        weight = torch.rand(shape, generator=generator, dtype=torch.float64).add(0.5).to(dtype)
        rows.append((start, target, weight, first))
    return rows


class Sample:
    def __init__(self, info, kind, settings, switches, reload):
        self.info, self.kind, self.settings, self.switches, self.reload = info, kind, settings, switches, reload
        self.differentiable = switches.get("differentiable", False)

    def describe(self):
        return f"{self.kind}, {self.settings}, {self.switches}, {'reloaded' if self.reload else 'straight'}"


def settings_of(info):
    given = [each.kwargs for each in info.optim_inputs_func("cpu")]
    if not any(isinstance(kwargs.get("lr"), torch.Tensor) for kwargs in given):
        given.append({"lr": torch.tensor(0.001)})
    return given


def samples_of(info):
    """The samples; each base is followed by those whose numbers lie as far apart as its own."""
    for kind in kinds(info):
        for settings in settings_of(info):
            for number, switches in enumerate(implementations(info)):
                differentiable = switches.get("differentiable", False)
                # Autograd records what the steps of differentiable ones do: two kinds of parameters are enough.
                if differentiable and kind not in ("float32", "float64"):
                    continue
                for reload in [False, True]:
                    yield Sample(info, kind, settings, switches, reload), number == 0 and not reload or differentiable and not reload


def places_of(info, choose):
    """Each sample, its number and its base's; with `choose` one of each implementation, and the bases of these."""
    everything, base = [], None
    for place, (sample, is_base) in enumerate(samples_of(info)):
        base = place if is_base else base
        everything.append((place, sample, base))
    if choose is None:
        return everything, {place for place, _, _ in everything}
    kept = set()
    for switches in implementations(info):
        kept.add(choose.choice([place for place, sample, _ in everything if sample.switches == switches]))
    bases = {base for place, _, base in everything if place in kept}
    return [row for row in everything if row[0] in kept | bases], kept


def groups_of(kind, params):
    if kind != "groups":
        return params
    return [{"params": params[:2]}, {"params": params[2:], "lr": 0.005}]


def gradient(param, target, weight, scale, step, sparse):
    whole = (param.detach() - target) * weight * scale
    if not sparse:
        return whole
    # One row twice in some steps.
    rows = torch.tensor([step % param.shape[0], (2 * step + 1) % param.shape[0]])
    return torch.sparse_coo_tensor(rows.unsqueeze(0), whole.index_select(0, rows), param.shape, check_invariants=False)


def loss_of(rows):
    """What a closure computes: a bowl that is no parabola."""
    total = 0
    for param, target, weight, first in rows:
        if first is None:
            continue
        way = param - target
        if way.is_complex():
            way, weight = torch.view_as_real(way), torch.view_as_real(weight)
        total = total + (weight * way.square()).sum() + way.pow(4).sum() * 0.1
    return total


def leaves_of(value):
    return [leaf for leaf in tree_flatten(value)[0] if isinstance(leaf, torch.Tensor)]


def run(sample, recorded=None, change=lambda tensor: tensor):
    """20 steps: parameters, optimizer, losses, gradients through the first steps; and their numbers, to be compared.

    `change` may put other tensors in the places of the parameters and what moves them.
    """
    cls = sample.info.optim_cls
    rows, starts = [], []
    for start, target, weight, first in problem(sample.info, sample.kind):
        start, target, weight = (change(tensor.clone()) for tensor in (start, target, weight))
        if sample.differentiable:
            start.requires_grad_()
            weight.requires_grad_()
            param = start.clone()
        else:
            param = Parameter(start)
        starts.append(start)
        rows.append((param, target, weight, first))
    params = [row[0] for row in rows]
    settings = {**deepcopy(sample.settings), **sample.switches}
    optimizer = cls(groups_of(sample.kind, params), **settings)
    losses, gradients = [], []

    def closure():
        optimizer.zero_grad()
        loss = loss_of(rows)
        loss.backward()
        return loss

    for step in range(STEPS):
        if step == HALF and sample.reload:
            saved = deepcopy(optimizer.state_dict()) if not sample.differentiable else optimizer.state_dict()
            optimizer = cls(groups_of(sample.kind, params), **sample.switches)
            optimizer.load_state_dict(saved)
        if sample.info.step_requires_closure:
            losses.append(optimizer.step(closure).detach())
            continue
        for param, target, weight, first in rows:
            if first is not None and step >= first:
                param.grad = gradient(param, target, weight, SCALES[step % len(SCALES)], step, sample.kind == "sparse")
        optimizer.step()
        if step + 1 == recorded:
            total = sum((param * (i + 1)).sum() for i, param in enumerate(params))
            wanted = starts + [row[2] for row in rows]
            gradients = torch.autograd.grad(total, wanted, allow_unused=True, retain_graph=True)
    state = optimizer.state_dict()["state"]
    numbers = [dense(tensor) for tensor in [*params, *leaves_of(list(state.values())), *losses]]
    numbers += [dense(tensor) for tensor in gradients if tensor is not None]
    return params, optimizer, losses, gradients, numbers


def recorded_steps(sample):
    """Through how many steps gradients go."""
    if not sample.differentiable:
        return None
    try:
        run(sample, RECORDED[0])
        return RECORDED[0]
    except RuntimeError:
        return RECORDED[1]


def refuses(error):
    """Whether an optimizer says what it does not take, and does not stumble over it."""
    last = extract_tb(error.__traceback__)[-1]
    return "/optim/" in last.filename and last.line.startswith("raise")


def one(sample, tensors):
    """What a sample gives, and the numbers of it."""
    recorder = Recorded(tensors)
    case = {
        "kind": sample.kind,
        "settings": {key: recorder.value(value) for key, value in sample.settings.items()},
        "switches": sample.switches,
        "reload": sample.reload,
    }
    recorded = recorded_steps(sample)
    try:
        params, optimizer, losses, gradients, numbers = run(sample, recorded)
    except Exception as error:
        if not refuses(error):
            raise
        return {**case, "error": str(error), "type": type(error).__name__, "pattern": "^$"}, []
    case["params"] = [recorder.new(param) for param in params]
    state = optimizer.state_dict()
    case["state"] = [[index, name, recorder.value(value)] for index, each in state["state"].items() for name, value in each.items()]
    case["groups"] = [sorted(group) for group in state["param_groups"]]
    case["printed"] = str(optimizer)
    if losses:
        case["losses"] = [recorder.new(loss) for loss in losses]
    if recorded is not None:
        case["recorded"] = recorded
        case["gradients"] = [None if gradient is None else recorder.new(gradient) for gradient in gradients]
    return case, numbers


def records_of(case):
    """The records of what is compared, in the order of a sample's numbers."""
    found = []

    def search(value):
        if isinstance(value, dict) and "tensor" in value:
            found.append(value)
        elif isinstance(value, (dict, list)):
            for each in value.values() if isinstance(value, dict) else value:
                search(each)

    for key in ["params", "state", "losses", "gradients"]:
        search(case.get(key, []))
    return found


def problems(info, tensors, used):
    """Of each kind that is used: parameters, targets, weights and first steps."""
    recorder = Recorded(tensors)
    return {
        kind: [[*(recorder.new(tensor) for tensor in row[:3]), row[3]] for row in problem(info, kind)]
        for kind in kinds(info) if kind in used
    }


def error_cases(info, tensors, skipped):
    cases = []
    torch.manual_seed(0)
    for given in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
        made = given.optimizer_error_input
        recorder = Recorded(tensors)
        params = [Parameter(torch.randn(2, 3))] if made.params is None else made.params
        case = {"description": made.desc, "inputs": []}
        try:
            unique = {id(leaf): leaf for leaf in leaves_of([params])}
            for i, leaf in enumerate(unique.values()):
                case["inputs"].append(recorder.new(leaf))
                recorder.known[id(leaf)] = [-1, i]
            case["params"] = recorder.value(params)
            case["settings"] = {key: recorder.value(value) for key, value in made.kwargs.items()}
        except NotExported as reason:
            skipped.append(f"error sample: {reason}")
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            try:
                optimizer = info.optim_cls(params, **made.kwargs)
                if given.error_on == OptimizerErrorEnum.STEP_ERROR:
                    case["step"] = True
                    for leaf in unique.values():
                        leaf.grad = torch.rand_like(leaf)
                    optimizer.step()
            except Exception as error:
                case.update(error=str(error), type=type(error).__name__, pattern=given.error_regex)
                cases.append(case)
            else:
                skipped.append(f"error sample: {made.desc}: does not fail")
    return cases


def entries(only):
    return [info for info in optim_db if not only or f"optim.{info.name}" in only or info.name in only]
