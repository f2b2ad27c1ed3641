"""JAX's side (the protocol is in tstorch.ts): the whole training step under jit, time steps by lax.scan."""

import json
import os
import resource
import sys
import time

import jax
import jax.numpy as jnp
from jax import lax

spec = json.loads(sys.argv[1])
hidden, length, batch, cell = spec["hidden"], spec["length"], spec["batch"], spec["cell"]
if spec["layers"] != 1 or spec["task"] not in ("sine", "character", "scratch", "inference"):
    sys.exit("this case has no JAX side")
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
keys = iter(jax.random.split(jax.random.key(0), 32))


def uniform(size, bound):
    return jax.random.uniform(next(keys), size, minval=-bound, maxval=bound)


def layer(inputs, size):
    """Weights as PyTorch draws them: W_ih, W_hh, b_ih, b_hh."""
    rows, bound = GATES[cell] * size, size**-0.5
    return [uniform((rows, inputs), bound), uniform((rows, size), bound), uniform((rows,), bound), uniform((rows,), bound)]


def advance(weights, state, projected):
    w_hh, b_hh = weights[1], weights[3]
    if cell == "rnn":
        h = jnp.tanh(projected + state @ w_hh.T + b_hh)
        return h, h
    if cell == "lstm":
        h, c = state
        i, f, g, o = jnp.split(projected + h @ w_hh.T + b_hh, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h
    r_x, z_x, n_x = jnp.split(projected, 3, axis=-1)
    r_h, z_h, n_h = jnp.split(state @ w_hh.T + b_hh, 3, axis=-1)
    r, z = jax.nn.sigmoid(r_x + r_h), jax.nn.sigmoid(z_x + z_h)
    n = jnp.tanh(n_x + r * n_h)
    h = (1 - z) * n + z * state
    return h, h


def initial(size, rows):
    h = jnp.zeros((rows, size))
    return (h, h) if cell == "lstm" else h


def sequence(weights, x, state):
    projected = x @ weights[0].T + weights[2]
    return lax.scan(lambda state, p: advance(weights, state, p), state, projected)


def sine():
    params = [layer(1, 10), uniform((1, 10), 10**-0.5), uniform((1,), 10**-0.5)]
    x, y = jax.random.normal(next(keys), (19, 1, 1)), jax.random.normal(next(keys), (19, 1, 1))
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = [(params, zeros, zeros, jnp.zeros(()))]

    def loss_of(params):
        out = sequence(params[0], x, initial(10, 1))[1]
        return jnp.mean((out @ params[1].T + params[2] - y) ** 2)

    @jax.jit
    def update(state):
        params, m, v, t = state
        grads, t = jax.grad(loss_of)(params), t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        scale = 1e-3 / (1 - 0.9**t)
        params = jax.tree.map(
            lambda p, m, v: p - scale * m / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), params, m, v
        )
        return params, m, v, t

    def step():
        state[0] = update(state[0])
        jax.block_until_ready(state[0])

    return step


def character():
    params = [layer(28, hidden), uniform((28, hidden), hidden**-0.5), uniform((28,), hidden**-0.5)]
    x = jax.random.randint(next(keys), (batch, length), 0, 28)
    y = jax.random.randint(next(keys), (length * batch,), 0, 28)
    state = [params]

    def loss_of(params, x, y):
        out = sequence(params[0], jax.nn.one_hot(x.T, 28), initial(hidden, batch))[1]
        logits = out.reshape(-1, hidden) @ params[1].T + params[2]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1))

    @jax.jit
    def update(params, x, y):
        loss, grads = jax.value_and_grad(loss_of)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(grads)))
        factor = jnp.minimum(1.0, 1.0 / (norm + 1e-6))
        return jax.tree.map(lambda p, g: p - factor * g, params, grads), loss

    def step():
        state[0], loss = update(state[0], x, y)
        float(loss)

    return step


def inference():
    weights = layer(28, hidden)
    x = jax.random.normal(next(keys), (batch, 28))
    state = [initial(hidden, batch)]
    forward = jax.jit(lambda x, state: advance(weights, state, x @ weights[0].T + weights[2])[0])

    def step():
        state[0] = jax.block_until_ready(forward(x, state[0]))

    return step


step = {"sine": sine, "character": character, "scratch": character, "inference": inference}[spec["task"]]()
for _ in range(spec["warmup"]):
    step()
print(json.dumps({"version": f"JAX {jax.__version__}", "threads": os.cpu_count()}), flush=True)
for line in sys.stdin:
    count = int(line)
    started = time.perf_counter()
    for _ in range(count):
        step()
    us = (time.perf_counter() - started) / count * 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"us": us, "peak_mb": peak}), flush=True)
