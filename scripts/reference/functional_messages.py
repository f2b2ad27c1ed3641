"""What the functions of torch.nn.functional say of wrong arguments."""

import warnings

import torch
from torch.nn import functional as F

from fixtures import write_compact

warnings.simplefilter("ignore")


def z(*shape, dtype="float32"):
    """A tensor of zeros; test/nn/functional_messages.test.ts makes the same."""
    return {"zeros": list(shape), "dtype": dtype}


IMAGE, LINE, BOX = z(1, 1, 4, 4), z(1, 1, 4), z(1, 1, 4, 4, 4)
CASES = [
    ["interpolate", [LINE], {"size": 2, "mode": "bilinear"}], ["interpolate", [LINE], {"size": 2, "mode": "trilinear"}],
    ["interpolate", [IMAGE], {"size": 2, "mode": "linear"}], ["interpolate", [IMAGE], {"size": 2, "mode": "trilinear"}],
    ["interpolate", [BOX], {"size": 2, "mode": "linear"}], ["interpolate", [BOX], {"size": 2, "mode": "bilinear"}],
    ["interpolate", [IMAGE], {}], ["interpolate", [IMAGE], {"size": 2, "scale_factor": 2.5}],
    ["interpolate", [IMAGE], {"size": [2, 2, 2]}], ["interpolate", [IMAGE], {"scale_factor": [1.5]}],
    ["interpolate", [IMAGE], {"size": 2, "align_corners": True}], ["interpolate", [z(1, 1)], {"size": 2}],
    ["interpolate", [IMAGE], {"size": 2, "recompute_scale_factor": True}],
    ["interpolate", [LINE], {"size": 2, "mode": "linear", "antialias": True}], ["interpolate", [IMAGE], {"size": 2, "mode": "cubic"}],
    ["affine_grid", [z(1, 3, 3), [1, 1, 2, 2]], {}], ["affine_grid", [z(1, 2, 3), [1, 1, 2, 2, 2]], {}],
    ["affine_grid", [z(1, 2, 3), [1, 1, 2]], {}], ["affine_grid", [z(1, 2, 3), [1, 1, -2, 2]], {}],
    ["affine_grid", [z(1, 2, 3, dtype="int64"), [1, 1, 2, 2]], {}],
    ["grid_sample", [IMAGE, z(1, 2, 2, 2)], {"mode": "linear"}], ["grid_sample", [IMAGE, z(1, 2, 2, 2)], {"padding_mode": "zero"}],
    ["fractional_max_pool2d", [IMAGE, 2], {}], ["fractional_max_pool3d", [BOX, 2], {}],
    ["max_unpool2d", [z(1, 1, 2, 2), z(1, 1, 2, 2, dtype="int64"), 2], {"output_size": [9, 9]}],
    ["max_unpool2d", [z(1, 1, 2, 2), z(1, 1, 2, 2, dtype="int64"), 2], {"output_size": [9]}],
    ["dropout", [LINE, 1.5], {}], ["dropout", [LINE, -0.5], {}], ["alpha_dropout", [LINE, 1.5], {}],
    ["dropout1d", [LINE, 2.5], {}], ["dropout2d", [IMAGE, 2.5], {}], ["dropout3d", [BOX, 2.5], {}], ["dropout1d", [z(2)], {}],
    ["feature_alpha_dropout", [IMAGE, -1.5], {}],
    ["embedding", [z(2, dtype="int64"), z(3, 2), 7], {}], ["embedding", [z(2, dtype="int64"), z(3, 2), -7], {}],
    ["embedding_bag", [z(2, dtype="int64"), z(3, 2)], {}], ["embedding_bag", [z(2, 2, dtype="int64"), z(3, 2), z(1, dtype="int64")], {}],
    ["embedding_bag", [z(2, dtype="int64"), z(3, 2), z(1, 1, dtype="int64")], {}], ["embedding_bag", [z(2, 2, 2, dtype="int64"), z(3, 2)], {}],
    ["embedding_bag", [z(2, 2, dtype="int64"), z(3, 2)], {"mode": "median"}],
    ["embedding_bag", [z(2, 2, dtype="int64"), z(3, 2)], {"mode": "max", "sparse": True}],
    ["embedding_bag", [z(2, 2, dtype="int64"), z(3, 2)], {"mode": "max", "scale_grad_by_freq": True}],
    ["embedding_bag", [z(2, 2, dtype="int64"), z(3, 2)], {"per_sample_weights": z(2, 2)}],
    ["embedding_bag", [z(2, 2, dtype="int64"), z(3, 2)], {"mode": "sum", "per_sample_weights": z(2)}],
    ["batch_norm", [z(1, 3), None, None], {"training": True}], ["instance_norm", [z(1, 3, 1)], {}],
    ["group_norm", [z(3), 1], {}], ["group_norm", [z(1, 2), 2], {}], ["local_response_norm", [z(2, 2), 2], {}],
    ["glu", [z()], {}], ["gumbel_softmax", [z(2, dtype="int64")], {}], ["pad", [LINE, [1, 1, 1, 1, 1, 1, 1, 1]], {}],
    ["pad", [LINE, [1]], {}], ["pad", [LINE, [1, 1]], {"mode": "mirror"}], ["pad", [LINE, [1, 1]], {"mode": "reflect", "value": 2.0}],
    ["hardtanh", [LINE], {"min_val": 2.0, "max_val": 1.0}], ["fold", [LINE, [2, 2], 3], {}], ["unfold", [IMAGE, 7], {}],
    ["pixel_shuffle", [IMAGE, 3], {}], ["channel_shuffle", [IMAGE, 2], {}], ["one_hot", [z(2, dtype="int64"), 0], {}],
    ["lp_pool1d", [LINE, 2.0, 7], {}], ["max_pool2d", [IMAGE, [2, 2, 2]], {}], ["adaptive_avg_pool2d", [z(2), 2], {}],
    ["multi_margin_loss", [z(2, 2), z(2, dtype="int64")], {"p": 3}], ["prelu", [z(1, 2), z(3)], {}], ["rrelu", [LINE], {"lower": 2.0, "upper": 1.0}],
    ["normalize", [LINE], {"dim": 5}], ["cosine_similarity", [z(2, 3), z(4, 2)], {}], ["pdist", [LINE], {}],
]


def build(spec):
    if isinstance(spec, dict):
        return torch.zeros(spec["zeros"], dtype=getattr(torch, spec["dtype"]))
    return spec


def keyword(spec):
    """An array is written as a tuple, but for what is a list's by its annotation, which comes in place."""
    return tuple(spec) if isinstance(spec, list) else build(spec)


def message(name, args, options):
    try:
        getattr(F, name)(*map(build, args), **{key: keyword(value) for key, value in options.items()})
    except Exception as error:
        return str(error)
    raise AssertionError(f"no error of {name}{args}{options}")


write_compact("functional_messages.json",
              {"cases": {str(i): case + [message(*case)] for i, case in enumerate(CASES)}}, "cases")
