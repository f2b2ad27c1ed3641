"""The losses of the programs in examples/programs, 30 steps each."""

import pathlib
import sys

import fixtures

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples" / "programs"))
from run import NAMES, losses  # noqa: E402

fixtures.write_compact("programs.json", {"losses": {name: losses(name) for name in NAMES}}, key="losses")
