"""Modules of torch.nn that PyTorch's module_db lacks, with samples of our own in its form; see export_modules.py.

What has no forward (Module, ModuleList, ModuleDict, ParameterList, ParameterDict, RNNBase, RNNCellBase) or is deprecated
(Container, NLLLoss2d, DataParallel) is not among them.
"""

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations
from torch.testing import make_tensor
from torch.testing._internal.common_modules import FunctionInput, ModuleInput


@dataclass
class OwnInfo:
    """What the exporter asks of a ModuleInfo."""

    module_cls: object
    samples: object  # of a dtype
    name: str = ""
    dtypes: tuple = (torch.float32, torch.float64)
    train_and_eval_differ: bool = True
    module_error_inputs_func: object = None
    # Whether the processor's linear algebra has no part in its initial values.
    exact: bool = True

    def __post_init__(self):
        self.name = self.name or f"nn.{self.module_cls.__name__}"
        self.is_lazy = isinstance(self.module_cls, type) and issubclass(self.module_cls, nn.modules.lazy.LazyModuleMixin)

    @property
    def formatted_name(self):
        return self.name.replace(".", "_")

    def module_inputs_func(self, info, device, dtype, requires_grad, training):
        made = [each.made(partial(make_tensor, device=device, dtype=dtype, requires_grad=requires_grad)) for each in self.samples]
        return [sample for samples in made for sample in samples]


class Made:
    """A constructor's arguments, and what each of several calls is given: shapes, or what makes arguments."""

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs, self.calls = args, kwargs, []

    def on(self, *inputs, **keywords):
        self.calls.append((inputs, keywords))
        return self

    def made(self, make):
        def value(given):
            return given(make) if callable(given) else make(given) if isinstance(given, tuple) else given

        def constructor():
            return FunctionInput(*(a() if getattr(a, "fresh", False) else a for a in self.args), **self.kwargs)

        return [
            ModuleInput(constructor(), FunctionInput(*map(value, inputs), **{key: value(each) for key, each in keywords.items()}))
            for inputs, keywords in self.calls
        ]


def fresh(make):
    """A module that every sample has for itself."""
    make.fresh = True
    return make


def integers(shape, high):
    return lambda make: torch.randint(high, shape)


def pooled(dims, shape, *args):
    """What an unpooling takes: values and where they were."""

    def values(make):
        torch.manual_seed(5)
        pool = [F.max_pool1d, F.max_pool2d, F.max_pool3d][dims - 1]
        return pool(make(shape).detach(), *args, return_indices=True)

    return [lambda make: values(make)[0].detach().requires_grad_(), lambda make: values(make)[1]]


DROPOUTS = [
    OwnInfo(cls, [Made(inplace=inplace).on(shape) for inplace in [False, True] for shape in shapes]
            + [Made(p).on(shapes[0]) for p in [0.1, 0.8, 0.0, 1.0]])
    for cls, shapes in [
        (nn.Dropout, [(3, 5), (17,), ()]), (nn.AlphaDropout, [(3, 5), (17,)]), (nn.FeatureAlphaDropout, [(3, 5), (2, 3, 4)]),
        (nn.Dropout1d, [(2, 3, 4), (6, 2)]), (nn.Dropout2d, [(2, 3, 2, 2), (4, 3, 2)]), (nn.Dropout3d, [(2, 3, 2, 2, 1), (4, 2, 1, 3)]),
    ]
]
ACTIVATIONS = [
    OwnInfo(nn.RReLU, [Made().on((4, 5)).on((9,)), Made(0.2, 0.4).on((3, 3)), Made(0.1, 0.9, True).on((3, 3))]),
    OwnInfo(nn.Hardsigmoid, [Made().on((4, 5)).on(()), Made(inplace=True).on((7,))], train_and_eval_differ=False),
    OwnInfo(nn.Identity, [Made().on((3, 4)), Made(54).on((2,))], train_and_eval_differ=False),
]
SHAPES = [
    OwnInfo(cls, samples, train_and_eval_differ=False) for cls, samples in [
        (nn.Flatten, [Made().on((2, 3, 4)).on((2, 3)), Made(0).on(()).on((2, 3)), Made(1, -2).on((2, 3, 2, 2)), Made(start_dim=0, end_dim=1).on((2, 3, 2))]),
        (nn.Unflatten, [Made(1, (2, 3)).on((2, 6)), Made(-1, (2, -1)).on((3, 4)).on((8,)), Made(0, (3, 1, 2)).on((6, 2))]),
        (nn.Fold, [Made((3, 4), (2, 2)).on((1, 8, 6)).on((4, 6)), Made(4, 2, padding=1, stride=2).on((1, 4, 9)), Made((4, 5), (2, 3), dilation=(2, 1)).on((6, 6))]),
        (nn.Unfold, [Made(2).on((1, 2, 3, 4)).on((2, 3, 4)), Made((2, 3), dilation=(2, 1), padding=1, stride=2).on((1, 1, 4, 5))]),
        (nn.PixelShuffle, [Made(2).on((1, 8, 2, 3)).on((4, 2, 2)), Made(3).on((9, 1, 2))]),
        (nn.PixelUnshuffle, [Made(2).on((1, 2, 4, 2)).on((1, 2, 4)), Made(3).on((1, 1, 3, 6))]),
        (nn.ChannelShuffle, [Made(2).on((1, 6, 2, 2)).on((2, 4, 3)), Made(3).on((1, 6, 2))]),
        (nn.Upsample, [
            Made(size=5).on((1, 2, 3)).on((1, 1, 3, 2)), Made(scale_factor=1.7).on((1, 2, 3)).on((1, 1, 3, 2)).on((1, 1, 2, 3, 2)),
            Made(scale_factor=(2, 1.5), recompute_scale_factor=True).on((1, 1, 3, 3)), Made(size=4, mode="nearest-exact").on((1, 1, 3)),
            Made(scale_factor=0.5, mode="area").on((1, 1, 4, 5)), Made(scale_factor=1.5, mode="linear").on((1, 2, 3)),
            Made((4, 5), mode="bilinear").on((1, 1, 3, 2)), Made(scale_factor=1.5, mode="bilinear", align_corners=True).on((1, 1, 3, 2)),
            Made(scale_factor=2, mode="bicubic").on((1, 1, 2, 3)), Made(3, mode="trilinear", align_corners=False).on((1, 1, 2, 2, 2)),
        ]),
        (nn.UpsamplingNearest2d, [Made(5).on((1, 1, 3, 2)), Made(scale_factor=(2, 1.5)).on((1, 2, 2, 3)), Made((3, 4)).on((2, 1, 2, 2))]),
        (nn.UpsamplingBilinear2d, [Made(5).on((1, 1, 3, 2)), Made(scale_factor=(2, 1.5)).on((1, 2, 2, 3)), Made((3, 4)).on((2, 1, 2, 2))]),
    ]
]
UNPOOLINGS = [
    OwnInfo(cls, [
        Made(2).on(*pooled(dims, (1, 2) + (4,) * dims, 2)).on(*pooled(dims, (2,) + (4,) * dims, 2)),
        Made((2,) * dims if dims > 1 else 2, 3).on(*pooled(dims, (1, 1) + (5,) * dims, 2, 3), output_size=lambda make, dims=dims: [5] * dims),
    ], train_and_eval_differ=False) for dims, cls in enumerate([nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d], 1)
]
DISTANCES = [
    OwnInfo(cls, samples, train_and_eval_differ=False) for cls, samples in [
        (nn.PairwiseDistance, [Made().on((4, 3), (4, 3)).on((3,), (3,)).on((4, 3), (3,)), Made(1, eps=0.5, keepdim=True).on((4, 3), (4, 3)), Made(p=float("inf")).on((4, 3), (4, 3))]),
        (nn.CosineSimilarity, [Made().on((4, 3), (4, 3)).on((2, 3, 2), (1, 3, 1)), Made(0, eps=20).on((4,), (4,)).on((3, 2), (3, 1))]),
        (nn.TripletMarginLoss, [
            Made().on((4, 3), (4, 3), (4, 3)).on((3,), (3,), (3,)), Made(0.5, p=1, reduction="sum").on((4, 3), (4, 3), (4, 3)),
            Made(swap=True, reduction="none").on((4, 3), (4, 3), (4, 3)), Made(margin=2.5, eps=0.1).on((4, 3), (4, 3), (4, 3)),
        ]),
        (nn.TripletMarginWithDistanceLoss, [
            Made().on((4, 3), (4, 3), (4, 3)), Made(margin=0.5, swap=True, reduction="none").on((4, 3), (4, 3), (4, 3)),
            Made(distance_function=F.pairwise_distance, reduction="sum").on((4, 3), (4, 3), (4, 3)),
            Made(distance_function=F.cosine_similarity).on((4, 3), (4, 3), (4, 3)),
        ]),
    ]
]
EMBEDDINGS = [
    OwnInfo(nn.EmbeddingBag, [
        Made(6, 3).on(integers((2, 4), 6)).on(integers((5,), 6), lambda make: torch.tensor([0, 2, 2])),
        Made(6, 3, mode="sum").on(integers((2, 3), 6)).on(integers((2, 3), 6), None, (2, 3)),
        Made(5, 2, mode="max").on(integers((3, 4), 5)).on(integers((6,), 5), lambda make: torch.tensor([0, 1, 4])),
        Made(6, 3, padding_idx=2, mode="sum").on(integers((3, 4), 6)), Made(4, 3, sparse=True).on(integers((2, 4), 4)),
        Made(6, 3, include_last_offset=True, mode="mean").on(integers((5,), 6), lambda make: torch.tensor([0, 2, 5])),
    ], train_and_eval_differ=False),
    OwnInfo(nn.AdaptiveLogSoftmaxWithLoss, [
        Made(4, 9, [3, 6]).on((5, 4), integers((5,), 9)).on((4,), integers((), 9)), Made(8, 12, [2, 5, 8], div_value=2.0, head_bias=True).on((6, 8), integers((6,), 12)),
    ], train_and_eval_differ=False),
]
NORMS = [
    OwnInfo(cls, [Made().on(shape), Made(affine=True, momentum=None, track_running_stats=True).on(shape), Made(1e-3, 0.3, True, True).on(shape)])
    for kind in ["Batch", "Instance"] for dims, shape in enumerate([(3, 4, 2), (2, 3, 2, 2), (2, 2, 2, 1, 3)], 1)
    for cls in [getattr(nn, f"Lazy{kind}Norm{dims}d")]
] + [
    OwnInfo(nn.SyncBatchNorm, [Made(3).on((4, 3)).on((2, 3, 2)), Made(2, affine=False, momentum=None).on((2, 2, 3, 1)), Made(3, track_running_stats=False).on((4, 3))]),
    OwnInfo(nn.CrossMapLRN2d, [Made(3).on((1, 4, 2, 2)), Made(2, 0.5, 0.6, 2).on((2, 3, 1, 2))], train_and_eval_differ=False),
    OwnInfo(nn.LazyLinear, [Made(3).on((2, 4)).on((5,)), Made(2, bias=False).on((2, 3, 4))], train_and_eval_differ=False),
]
COMPOSED = [
    OwnInfo(nn.Sequential, [
        Made().on((2, 3)), Made(fresh(lambda: nn.Linear(3, 4)), fresh(lambda: nn.Tanh()), fresh(lambda: nn.Linear(4, 2, bias=False))).on((5, 3)),
        Made(fresh(lambda: nn.Conv1d(2, 3, 2)), fresh(lambda: nn.BatchNorm1d(3)), fresh(lambda: nn.Dropout(0.4)), fresh(lambda: nn.Flatten())).on((3, 2, 4)),
    ]),
    OwnInfo(nn.TransformerDecoder, [
        Made(fresh(lambda: nn.TransformerDecoderLayer(4, 2, 6, dropout=0.3)), 2).on((3, 2, 4), (2, 2, 4)).on((3, 4), (2, 4)),
        Made(fresh(lambda: nn.TransformerDecoderLayer(4, 1, 5, batch_first=True, norm_first=True, bias=False)), 1).on((2, 3, 4), (2, 2, 4)),
    ]),
    OwnInfo(parametrizations.weight_norm, [
        Made(fresh(lambda: nn.Linear(3, 4))).on((2, 3)), Made(fresh(lambda: nn.Conv1d(2, 3, 2)), dim=1).on((1, 2, 5)), Made(fresh(lambda: nn.Linear(3, 2)), dim=None).on((2, 3)),
    ], "nn.utils.parametrizations.weight_norm"),
    OwnInfo(parametrizations.spectral_norm, [
        Made(fresh(lambda: nn.Linear(3, 4))).on((2, 3)), Made(fresh(lambda: nn.Conv1d(2, 3, 2)), n_power_iterations=2).on((1, 2, 5)),
    ], "nn.utils.parametrizations.spectral_norm", exact=False),
]
OWN = [*DROPOUTS, *ACTIVATIONS, *SHAPES, *UNPOOLINGS, *DISTANCES, *EMBEDDINGS, *NORMS, *COMPOSED]
