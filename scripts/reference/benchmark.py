"""What torch.utils.benchmark prints of given times, and how its Timer measures by a clock that is made up, as
test/fixtures/benchmark.json.

Run with the pinned torch: python3 scripts/reference/benchmark.py
"""

import itertools

from torch.utils import benchmark
from torch.utils.benchmark import Compare, Measurement, TaskSpec, Timer

from fixtures import write

SPECS = [
    {"stmt": "x + 1", "setup": "pass"},
    {"stmt": "x + 1", "setup": "x = 5", "label": "add", "description": "small"},
    {"stmt": "a\n\nb", "setup": "c\n  d", "sub_label": "sub", "num_threads": 4},
    {"stmt": "mm", "setup": "", "label": "mm", "sub_label": "8x8", "description": "our own", "env": "new"},
]
TIMES = [
    [1.5], [1e-3, 2e-3], [0.1, 0.11, 0.105], [0.1, 0.11, 0.105, 0.12], [1e-6] * 5, [3e-7, 5e-7, 9e-7, 4e-7, 1e-6],
    [0.02, 0.0225, 0.0215, 0.021, 0.0245, 0.0205], [120.0, 130.5, 110.25, 118.0], [1.0, 1.001, 1.0005, 0.9995, 1.0002],
    [7e-10, 8e-10, 7.5e-10, 7.2e-10],
]
measurements = [
    {"spec": spec, "number": number, "times": times}
    for (spec, times), number in zip(itertools.product(SPECS, TIMES), itertools.cycle([1, 100, 1000]))
]


def made(case):
    return Measurement(case["number"], case["times"], TaskSpec(**case["spec"]))


for case in measurements:
    result = made(case)
    case.update(
        text=repr(result).split("\n")[1:], median=result.median, mean=result.mean, iqr=result.iqr,
        digits=result.significant_figures, warns=result.has_warnings, title=result.title, row=result.as_row_name)

compared = [
    {"spec": {"stmt": name, "setup": "pass", "label": label, "description": description, "num_threads": threads, **env},
     "number": 10, "times": [scale * (1 + spread * i / 7) for i in range(8)]}
    for label, name, description, threads, env, scale, spread in [
        ("mm", "a", "torch", 1, {}, 1e-4, 0.01), ("mm", "a", "other", 1, {}, 1.3e-4, 0.3), ("mm", "b", "torch", 1, {}, 2.4e-3, 0.5),
        ("mm", "b", "other", 1, {}, 7e-4, 0.02), ("mm", "a", "torch", 4, {}, 5e-5, 0.9), ("mm", "c", "torch", 4, {}, 5.1e-5, 0.01),
        ("mm", "a", "torch", 1, {}, 1.1e-4, 0.01), ("add", "x", "run", 1, {"env": "one"}, 3e-6, 0.01),
        ("add", "x", "run", 1, {"env": "two two"}, 9e-6, 0.2), ("add", "y", "run", 1, {"env": "one"}, 2e-5, 0.01),
    ]
]
tables = []
for trim, colors, warnings in itertools.product([False, True], [None, "columnwise", "rowwise"], [False, True]):
    table = Compare([made(case) for case in compared])
    if trim:
        table.trim_significant_figures()
    if colors:
        table.colorize(rowwise=colors == "rowwise")
    if warnings:
        table.highlight_warnings()
    tables.append({"trim": trim, "colors": colors, "warnings": warnings, "text": str(table)})


class Clock:
    """Each reading takes a while; each run a time of its own."""

    def __init__(self, steps):
        self.time, self.steps, self.runs, self.setups = 0.0, steps, 0, 0

    def now(self):
        self.time += 2**-24
        return self.time

    def run(self):
        self.time += self.steps[self.runs % len(self.steps)]
        self.runs += 1

    def setup(self):
        self.setups += 1


timed = []
for steps in ([2**-9], [2**-20, 2**-18, 2**-19], [2**-4, 2**-1, 2**-3, 2**-6], [0.375]):
    for method, options in [("timeit", {"number": 50}), ("blocked_autorange", {}), ("blocked_autorange", {"min_run_time": 1}),
                            ("adaptive_autorange", {}), ("adaptive_autorange", {"threshold": 0.01, "max_run_time": 2})]:
        clock = Clock(steps)
        timer = Timer("clock.run()", "clock.setup()", timer=clock.now, globals={"clock": clock})
        result = getattr(timer, method)(**options)
        timed.append({"steps": steps, "method": method, "options": options, "number": result.number_per_run,
                      "times": result.raw_times, "runs": clock.runs, "setups": clock.setups})

values = [1e-10, 3.14159, 0.0314159, 31415.9, 999.96, 1e-3, 9.99e-7, 1e-6, 0.5, 1, 12, 2e-9]
write("benchmark.json", {
    "measurements": measurements, "compared": compared, "tables": tables, "timed": timed,
    "units": [[value, *benchmark.select_unit(value)] for value in values],
    "trimmed": [[value, digits, benchmark.trim_sigfig(value, digits)] for value in values for digits in (1, 2, 4)],
})
