"""The server of examples/serve.ts as it is written in Python: FastAPI and uvicorn, torch on a thread, the same batching.

python serve.py WEIGHTS --port 0 --max-batch 32 --max-wait 2 --max-queue 256 --threads 1
Needs pip install fastapi 'uvicorn[standard]' safetensors beside torch.
"""

import argparse
import asyncio
import socket
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import torch
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field, FiniteFloat
from safetensors.torch import load_file
from torch import nn

SAMPLES, PATCH = 64, 4
CLASSES = ["sine", "square", "sawtooth", "noise"]


class WaveClassifier(nn.Module):
    def __init__(self, hidden_size=128):
        super().__init__()
        self.gru = nn.GRU(PATCH, hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, len(CLASSES))

    def forward(self, x):
        _, h_n = self.gru(x.view(x.size(0), SAMPLES // PATCH, PATCH))
        return self.linear(h_n.squeeze(0))


class QueueFull(Exception):
    pass


class Batcher:
    """examples/serve/batcher.ts: a batch starts once it is full or its first input has waited, and a worker is free."""

    def __init__(self, run, max_batch, max_wait, max_queue, workers):
        self.run, self.max_batch, self.max_wait, self.max_queue, self.workers = run, max_batch, max_wait, max_queue, workers
        self.queue, self.running, self.timer, self.tasks = deque(), 0, None, set()

    def submit(self, signal):
        if len(self.queue) >= self.max_queue:
            raise QueueFull
        future = asyncio.get_running_loop().create_future()
        self.queue.append((signal, future, time.perf_counter()))
        self.next()
        return future

    def next(self):
        while self.queue and self.running < self.workers:
            wait = self.queue[0][2] + self.max_wait - time.perf_counter()
            if len(self.queue) < self.max_batch and wait > 0:
                if self.timer is None:
                    self.timer = asyncio.get_running_loop().call_later(wait, self.due)
                return
            batch = [self.queue.popleft() for _ in range(min(self.max_batch, len(self.queue)))]
            self.running += 1
            task = asyncio.create_task(self.compute(batch))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def due(self):
        self.timer = None
        self.next()

    async def compute(self, batch):
        try:
            outputs = await self.run([signal for signal, _, _ in batch])
            for (_, future, _), output in zip(batch, outputs, strict=True):
                if not future.done():
                    future.set_result(output)
        except Exception as error:
            for _, future, _ in batch:
                if not future.done():
                    future.set_exception(error)
        self.running -= 1
        self.next()


class Request(BaseModel):
    signal: Annotated[list[FiniteFloat], Field(min_length=SAMPLES, max_length=SAMPLES)]


def make_app(options):
    torch.set_num_threads(options.threads)
    model = WaveClassifier().eval()
    model.load_state_dict(load_file(options.weights))
    pool = ThreadPoolExecutor(options.workers, initializer=torch.set_num_threads, initargs=(options.threads,))

    @torch.inference_mode()
    def compute(signals):
        return model(torch.tensor(signals)).softmax(1).tolist()

    def run(signals):
        return asyncio.get_running_loop().run_in_executor(pool, compute, signals)

    batcher = Batcher(run, options.max_batch, options.max_wait / 1000, options.max_queue, options.workers)

    app = FastAPI()

    @app.post("/classify")
    async def classify(request: Request):
        try:
            future = batcher.submit(request.signal)
        except QueueFull:
            raise HTTPException(503, "the queue is full", {"Retry-After": "1"})
        probabilities = await future
        best = max(range(len(CLASSES)), key=probabilities.__getitem__)
        return {"class": CLASSES[best], "probabilities": dict(zip(CLASSES, probabilities))}

    @app.get("/health")
    async def health():
        return {"status": "ok"}

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", required=True)
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-batch", type=int, default=32)
    parser.add_argument("--max-wait", type=float, default=2)
    parser.add_argument("--max-queue", type=int, default=256)
    options = parser.parse_args()
    app = make_app(options)
    listening = socket.create_server(("127.0.0.1", options.port))
    print(f"listening on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])
