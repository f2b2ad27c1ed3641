"""Every loss module with its reductions, weights and other options, and what they refuse."""

from module_cases import case, draw, function, listed, module, write_cases

REDUCTIONS = ["mean", "sum", "none"]
X, Y = draw("randn", 4, 5), draw("randn", 4, 5)
PROBABILITY = draw("rand", 4, 5)
BITS, SIGNS = draw("bits", 4, 5), draw("sign", 4, 5)
CLASSES = draw("classes", 4, high=5)
WEIGHT = draw("rand", 5, grad=False)
ROWS = [draw("randn", 4, 6), draw("randn", 4, 6), draw("randn", 4, 6)]
SIGN = draw("sign", 4)

cases = []


def losses(name, inputs, variants=({},), args=()):
    for options in variants:
        for reduction in REDUCTIONS:
            cases.append(case(name, args, {**options, "reduction": reduction}, inputs=inputs))


losses("L1Loss", [X, Y])
losses("MSELoss", [X, Y])
losses("SmoothL1Loss", [X, Y], [{}, {"beta": 0.5}, {"beta": 0}])
losses("HuberLoss", [X, Y], [{}, {"delta": 0.5}])
losses("PoissonNLLLoss", [PROBABILITY, draw("classes", 4, 5, high=6)], [{}, {"full": True}, {"log_input": False, "eps": 0.1}])
VARIANCE = draw("rand", 4, 5)
losses("GaussianNLLLoss", [X, Y, VARIANCE], [{}, {"full": True, "eps": 0.25}])
losses("GaussianNLLLoss", [X, Y, draw("rand", 4)])
losses("GaussianNLLLoss", [X, Y, draw("rand", 4, 1)])
losses("GaussianNLLLoss", [X, Y, 0.5])
cases.append(case("GaussianNLLLoss", inputs=[X, Y, draw("rand", 3)]))
cases.append(case("GaussianNLLLoss", inputs=[X, Y, listed([[-1.0], [1.0], [1.0], [1.0]])]))
losses("KLDivLoss", [draw("log_softmax", 4, 5), draw("softmax", 4, 5)])
losses("KLDivLoss", [draw("log_softmax", 4, 5), draw("log_softmax", 4, 5)], [{"log_target": True}])
cases.append(case("KLDivLoss", options={"reduction": "batchmean"}, inputs=[draw("log_softmax", 4, 5), draw("softmax", 4, 5)]))
cases.append(case("KLDivLoss", options={"reduction": "batchmean"}, inputs=[draw("log_softmax"), draw("softmax")]))
losses("BCELoss", [PROBABILITY, BITS], [{}, {"weight": WEIGHT}, {"weight": draw("rand", 4, 1, grad=False)}])
cases.append(case("BCELoss", inputs=[PROBABILITY, draw("bits", 4)]))
cases.append(case("BCELoss", inputs=[draw("rand", 2), listed([0.0, 1.0])]))
losses("BCEWithLogitsLoss", [X, BITS], [{}, {"weight": WEIGHT}, {"pos_weight": WEIGHT}, {"weight": WEIGHT, "pos_weight": WEIGHT}])
cases.append(case("BCEWithLogitsLoss", inputs=[X, draw("bits", 4, 1)]))
losses("SoftMarginLoss", [X, SIGNS])

for logits, classes in [([4, 5], [4]), ([5], []), ([2, 5, 3], [2, 3])]:
    losses("CrossEntropyLoss", [draw("randn", *logits), draw("classes", *classes, high=5)],
           [{}, {"weight": WEIGHT}, {"ignore_index": 2}, {"label_smoothing": 0.1, "weight": WEIGHT}])
losses("CrossEntropyLoss", [X, draw("softmax", 4, 5)], [{}, {"weight": WEIGHT, "label_smoothing": 0.2}])
cases.append(case("CrossEntropyLoss", inputs=[X, draw("randn", 4, 3)]))
cases.append(case("CrossEntropyLoss", inputs=[X, listed([0, 1, 5, 2])]))
cases.append(case("CrossEntropyLoss", options={"label_smoothing": 1.5}, inputs=[X, CLASSES]))
cases.append(case("CrossEntropyLoss", options={"weight": draw("rand", 4)}, inputs=[X, CLASSES]))
for logits, classes in [([4, 5], [4]), ([5], []), ([2, 5, 3, 2], [2, 3, 2])]:
    losses("NLLLoss", [draw("log_softmax", *logits), draw("classes", *classes, high=5)], [{}, {"weight": WEIGHT, "ignore_index": 1}])
losses("NLLLoss2d", [draw("log_softmax", 2, 5, 3, 2), draw("classes", 2, 3, 2, high=5)])
cases.append(case("NLLLoss", inputs=[X, draw("classes", 3, high=5)]))
losses("MultiMarginLoss", [X, CLASSES], [{}, {"p": 2, "margin": 0.5}, {"weight": WEIGHT}])
losses("MultiMarginLoss", [draw("randn", 5), draw("classes", high=5)])
cases.append(case("MultiMarginLoss", options={"p": 3}, inputs=[X, CLASSES]))
cases.append(case("MultiMarginLoss", options={"weight": draw("rand", 5, 1)}, inputs=[X, CLASSES]))
RIGHT = listed([[3, 0, -1, 1, 2], [0, 1, 2, 3, 4], [-1, 0, 0, 0, 0], [2, -1, -1, -1, -1]])
losses("MultiLabelMarginLoss", [X, RIGHT])
losses("MultiLabelMarginLoss", [draw("randn", 4), listed([3, 0, -1, 1])])
losses("MultiLabelSoftMarginLoss", [X, BITS], [{}, {"weight": WEIGHT}])

SCORES = draw("log_softmax", 8, 3, 5)
for target, lengths in [
    (listed([[1, 2, 3, 1], [4, 4, 2, 1], [2, 1, 0, 0]]), listed([4, 3, 2])),
    (listed([1, 2, 3, 1, 4, 4, 2, 2, 1]), listed([4, 3, 2])),
]:
    losses("CTCLoss", [SCORES, target, listed([8, 7, 6]), lengths])
losses("CTCLoss", [SCORES, listed([[1, 2, 3, 1], [4, 4, 2, 1], [2, 1, 1, 1]]), [8, 7, 6], [4, 3, 2]])
losses("CTCLoss", [SCORES, listed([[1, 2, 3, 1], [0, 3, 2, 1], [2, 1, 0, 0]]), [8, 7, 6], [4, 3, 2]], [{"blank": 4}])
losses("CTCLoss", [draw("log_softmax", 8, 5), listed([1, 2, 2]), listed(8), listed(3)])
# Too short for its target: an infinite loss, or none.
SHORT = [SCORES, listed([[1, 1, 3, 1], [4, 4, 2, 1], [2, 1, 0, 0]]), [4, 7, 6], [4, 3, 2]]
losses("CTCLoss", SHORT, [{"zero_infinity": True}])
cases.append(case("CTCLoss", options={"reduction": "none"}, inputs=SHORT, grad=False))
cases.append(case("CTCLoss", inputs=[SCORES, listed([[1, 2]]), [8], [2]]))

losses("HingeEmbeddingLoss", [X, SIGNS], [{}, {"margin": 0.25}])
losses("CosineEmbeddingLoss", [ROWS[0], ROWS[1], SIGN], [{}, {"margin": 0.25}, {"margin": -0.5}])
losses("CosineEmbeddingLoss", [draw("randn", 6), draw("randn", 6), draw("sign")])
cases.append(case("CosineEmbeddingLoss", inputs=[ROWS[0], draw("randn", 6), draw("sign", 2)]))
losses("MarginRankingLoss", [draw("randn", 4), draw("randn", 4), SIGN], [{}, {"margin": 0.5}])
cases.append(case("MarginRankingLoss", inputs=[draw("randn", 4), draw("randn", 4, 1), SIGN]))
losses("TripletMarginLoss", ROWS, [{}, {"margin": 0.5, "p": 1}, {"swap": True}, {"eps": 0.5, "p": 3, "swap": True}])
losses("TripletMarginLoss", [draw("randn", 6)] * 3)
cases.append(case("TripletMarginLoss", options={"margin": -1}, inputs=ROWS))
losses("TripletMarginWithDistanceLoss", ROWS, [{}, {"margin": 0.5, "swap": True}])
losses("TripletMarginWithDistanceLoss", ROWS, [{"distance_function": function("cosine_similarity"), "swap": True}])
losses("TripletMarginWithDistanceLoss", ROWS, [{"distance_function": module("PairwiseDistance", 1)}])
cases.append(case("TripletMarginWithDistanceLoss", options={"margin": -1}, inputs=ROWS))
cases.append(case("TripletMarginWithDistanceLoss", inputs=[ROWS[0], ROWS[1], draw("randn", 6)]))

# The old names of the reductions.
for size_average, reduce in [(True, None), (False, None), (None, True), (None, False), (False, False), (False, True)]:
    cases.append(case("MSELoss", [size_average, reduce], inputs=[X, Y]))
cases.append(case("KLDivLoss", options={"size_average": False}, inputs=[draw("log_softmax", 4, 5), draw("softmax", 4, 5)]))
cases.append(case("NLLLoss2d", [None, False], inputs=[draw("log_softmax", 2, 5, 3, 2), draw("classes", 2, 3, 2, high=5)]))

TWENTY = [7, 12]
FLOAT64 = {"dtype": {"dtype_named": "float64"}}
for options in [{}, {"div_value": 2}, {"head_bias": True}]:
    cases.append(case("AdaptiveLogSoftmaxWithLoss", [16, 20, TWENTY], {**options, **FLOAT64},
                      inputs=[draw("randn", 6, 16), listed([0, 19, 7, 6, 12, 11])]))
ADAPTIVE = ["AdaptiveLogSoftmaxWithLoss", [16, 20, TWENTY], FLOAT64]
cases += [
    case(*ADAPTIVE, inputs=[draw("randn", 3, 16), listed([1, 2, 3])], name="the head alone"),
    case(*ADAPTIVE, inputs=[draw("randn", 3, 16), listed([13, 14, 15])], name="one cluster"),
    case(*ADAPTIVE, inputs=[draw("randn", 16), listed(14)], name="without a batch"),
    case(*ADAPTIVE, inputs=[draw("randn", 6, 16)], call="log_prob"),
    case(*ADAPTIVE, inputs=[draw("randn", 30, 16)], call="predict"),
    case("AdaptiveLogSoftmaxWithLoss", [16, 20, [19]], FLOAT64, inputs=[draw("randn", 30, 16)], call="predict", name="the head alone"),
    case("AdaptiveLogSoftmaxWithLoss", [2, 200, [1]], FLOAT64, inputs=[draw("randn", 30, 2)], call="predict"),
    case(*ADAPTIVE, inputs=[draw("randn", 3, 16), listed([0, 20, -1])]),
    case(*ADAPTIVE, inputs=[draw("randn", 3, 16), listed([0, 2])]),
    case(*ADAPTIVE, inputs=[draw("randn", 3, 16, 1), listed([0, 2, 1])]),
    case(*ADAPTIVE, inputs=[draw("randn", 1, 16), listed(1)]),
    case(*ADAPTIVE, inputs=[draw("randn", 1, 16), listed([[1]])]),
    case("AdaptiveLogSoftmaxWithLoss", [16, 20, []]),
    *(case("AdaptiveLogSoftmaxWithLoss", [16, 20, cutoffs]) for cutoffs in [[0, 5], [5, 5], [8, 5], [5, 20]]),
]

LINEAR = [draw("randn", 7, 6), draw("classes", 7, high=9)]
CHUNKED = {"options": module("LinearCrossEntropyOptions", batch_chunk_size=3)}
for options in [{}, {"bias": True}, {"bias": True, "weight": draw("rand", 9, grad=False), "ignore_index": 4}]:
    losses("LinearCrossEntropyLoss", LINEAR, [{**FLOAT64, **options}, {**FLOAT64, **options, **CHUNKED}], [6, 9])
for reduction in REDUCTIONS:
    for method in ["auto", "aspect_ratio", "aspect_ratio:2"]:
        for dtype in ["float16", "bfloat16", "float32"]:
            for policy in ["auto", "accurate", "balanced", "compact"] if method == "auto" else ["auto"]:
                half = {} if policy == "auto" or dtype == "float32" else {"acc_dtype": {"dtype_named": "float32"}}
                chunks = module("LinearCrossEntropyOptions", chunking_method=method, acc_policy=policy, **half)
                cases.append(case("LinearCrossEntropyLoss", [6, 90], {"bias": True, "reduction": reduction, "options": chunks,
                             "dtype": {"dtype_named": dtype}}, inputs=[draw("randn", 40, 6), draw("classes", 40, high=90)], dtype=dtype))
cases += [
    case("LinearCrossEntropyLoss", [6, 9], {**FLOAT64, "out_features": [2, 3], "bias": True},
         inputs=[draw("randn", 4, 6), draw("classes", 4, 2, 3, high=9)]),
    case("LinearCrossEntropyLoss", [6, 9], {**FLOAT64, "out_features": [2], **CHUNKED},
         inputs=[draw("randn", 4, 6), draw("classes", 4, 2, high=9)]),
    case("LinearCrossEntropyLoss", [6, 9], {**FLOAT64, "label_smoothing": 0.2}, inputs=[draw("randn", 4, 6), draw("softmax", 4, 9)]),
    case("LinearCrossEntropyLoss", [6, 9], {**FLOAT64, **CHUNKED}, inputs=[draw("randn", 6), draw("classes", high=9)]),
    case("LinearCrossEntropyLoss", [6, 9], {**FLOAT64, **CHUNKED, "reduction": "none"}, inputs=[draw("randn", 6), draw("classes", high=9)]),
    case("LinearCrossEntropyLoss", [6, 9], {**FLOAT64, **CHUNKED}, inputs=[draw("randn", 0, 6), draw("classes", 0, high=9)]),
    case("LinearCrossEntropyLoss", [6, 9], {**FLOAT64, **CHUNKED}, inputs=LINEAR, grad=False),
    case("LinearCrossEntropyLoss", [6, 9], {"weight": draw("rand", 8)}),
    case("LinearCrossEntropyLoss", [6, 9], {"label_smoothing": 2}),
    case("LinearCrossEntropyLoss", [6, 9], FLOAT64, inputs=[draw("randn", 4, 5), draw("classes", 4, high=9)]),
    case("LinearCrossEntropyLoss", [6, 9], FLOAT64, inputs=[draw("randn", 2, 4, 6), draw("classes", 4, high=9)]),
    case("LinearCrossEntropyLoss", [6, 9], {**FLOAT64, "out_features": [2]}, inputs=[draw("randn", 6), draw("classes", 2, high=9)]),
    case("LinearCrossEntropyLoss", [6, 9], {**FLOAT64, "ignore_index": 1}, inputs=[draw("randn", 4, 6), draw("softmax", 4, 9)]),
    *(case("LinearCrossEntropyLoss", [6, 9], {**FLOAT64, "options": module("LinearCrossEntropyOptions", **options)}, inputs=LINEAR)
      for options in [{"acc_policy": "none"}, {"chunking_method": "aspect_ratio:0"}, {"chunking_method": "ratio"},
                      {"batch_chunk_size": 0}, {"acc_dtype": {"dtype_named": "int64"}}, {"acc_dtype": {"dtype_named": "float32"}},
                      {"batch_chunk_size": 3, "chunking_method": "aspect_ratio"}]),
]

write_cases("loss_modules.json", cases)
