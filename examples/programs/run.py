"""python run.py [names]: the losses of 30 steps of each program, as JSON."""

import importlib
import json
import sys

import torch

NAMES = ["digits", "dcgan", "vae", "seq2seq", "transformer_lm", "gpt", "lstmcell_lbfgs", "word_lm"]
STEPS = 30


def start(name):
    """A program makes its model and its data, and gives the function that trains one step and gives the loss."""
    torch.manual_seed(1)
    return importlib.import_module(name).make()


def losses(name, steps=STEPS):
    step = start(name)
    return [step().item() for _ in range(steps)]


if __name__ == "__main__":
    print(json.dumps({name: losses(name) for name in sys.argv[1:] or NAMES}))
