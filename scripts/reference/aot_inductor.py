"""A package of AOTInductor, test/fixtures/aot_inductor.pt2, and what Python's model of it gives.

It is compiled without vector instructions and without -march, for any processor of the kind (x86-64); symbols are stripped
and the records packed, as a fixture is to be small. Needs g++ and strip.

Run: OMP_NUM_THREADS=1 python3 scripts/reference/aot_inductor.py
"""

import io
import json
import os
import subprocess
import tempfile
import zipfile

import torch
from torch import nn
from torch._inductor import config

from fixtures import FOLDER, values, write


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 5)
        self.out = nn.Linear(5, 3)

    def forward(self, x, extra, *, scale):
        h = torch.tanh(self.hidden(x) + extra["shift"])
        return {"out": self.out(h) * scale, "pair": (h.sum(-1), [h])}


def packed(path):
    """The package's bytes, with its machine code stripped, without its source."""
    target = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as result:
        for info in source.infolist():
            data = source.read(info)
            if info.filename.endswith(".cpp"):
                continue
            if info.filename.endswith(".so"):
                with tempfile.TemporaryDirectory() as folder:
                    name = os.path.join(folder, "model.so")
                    open(name, "wb").write(data)
                    subprocess.run(["strip", name], check=True)
                    data = open(name, "rb").read()
            result.writestr(zipfile.ZipInfo(info.filename), data, zipfile.ZIP_DEFLATED, 9)
    return target.getvalue()


torch.manual_seed(0)
model = Net().eval()
example = torch.randn(2, 4), {"shift": torch.randn(5)}
batch = torch.export.Dim("batch", min=2, max=1024)
program = torch.export.export(model, example, {"scale": torch.tensor(2.0)},
                              dynamic_shapes={"x": {0: batch}, "extra": {"shift": None}, "scale": None})
with tempfile.TemporaryDirectory() as folder, config.patch({"cpp.simdlen": 1, "cpp.march": ""}):
    path = torch._inductor.aoti_compile_and_package(program, package_path=os.path.join(folder, "model.pt2"))
    data = packed(path)
(FOLDER / "aot_inductor.pt2").write_bytes(data)
print(f"aot_inductor.pt2: {len(data)} bytes")
loaded = torch._inductor.aoti_load_package(str(FOLDER / "aot_inductor.pt2"))
calls = []
for rows, scale in ((2, 1.0), (3, -0.5)):
    x, shift, by = torch.randn(rows, 4), torch.randn(5), torch.tensor(scale)
    result = loaded(x, {"shift": shift}, scale=by)
    calls.append({"x": values(x), "shift": values(shift), "scale": scale, "out": values(result["out"]),
                  "sum": values(result["pair"][0]), "hidden": values(result["pair"][1][0])})
names = loaded.get_constant_fqns()
loaded.load_constants({name: torch.zeros_like(dict(model.named_parameters())[name]) for name in names}, check_full_update=True)
zeroed = loaded(x, {"shift": shift}, scale=by)
write("aot_inductor.json", {"calls": calls, "constants": sorted(names), "metadata": loaded.get_metadata(),
                            "zeroed": values(zeroed["out"])})
