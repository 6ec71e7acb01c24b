#!/usr/bin/env python3
"""How long PyTorch takes with the encoders that `cargo bench --bench towers -- DIR` writes, and for a step of
their training: forward and backward pass of 512 sequences of 50 embeddings of 64 components.

usage: sequences_torch.py DIR [THREADS]
needs: pip install torch safetensors

Prints a JSON object a line: what was evaluated, sequences in a batch, microseconds for a sequence (median).
"""

import json
import statistics
import sys
import time

import torch
from safetensors.torch import load_file

torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
WIDTH, LENGTH = 64, 50


class Attention(torch.nn.Module):
    def __init__(self, blocks):
        super().__init__()
        block = torch.nn.TransformerEncoderLayer(
            WIDTH, 1, 64, dropout=0.0, batch_first=True, norm_first=True
        )
        norm = torch.nn.LayerNorm(WIDTH)
        self.encoder = torch.nn.TransformerEncoder(block, blocks, norm, enable_nested_tensor=False)
        self.positions = torch.nn.Parameter(torch.zeros(LENGTH, WIDTH))
        self.mask = torch.nn.Transformer.generate_square_subsequent_mask(LENGTH)

    def load(self, tensors):
        self.positions.data = tensors.pop("positions")
        self.encoder.load_state_dict(tensors)

    def forward(self, x):
        return self.encoder(x + self.positions, mask=self.mask, is_causal=True)[:, -1]


class Gru(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = torch.nn.GRU(WIDTH, 64, batch_first=True)

    def load(self, tensors):
        self.gru.load_state_dict(tensors)

    def forward(self, x):
        return self.gru(x)[0][:, -1]


def micros(call, count):
    call()
    times = []
    until = time.perf_counter() + 3
    while time.perf_counter() < until:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6 / count


for name, model in [("attention-1", Attention(1)), ("attention-2", Attention(2)), ("gru", Gru())]:
    tensors = load_file(f"{sys.argv[1]}/{name}/user.safetensors")
    prefix = "feature.0."
    model.load({k[len(prefix) :]: t for k, t in tensors.items() if k.startswith(prefix)})
    for batch in [1, 64]:
        x = torch.randn(batch, LENGTH, WIDTH)

        def serve():
            with torch.inference_mode():
                model.eval()(x)

        what = {"peer": "torch", "what": f"50 items of 64, {name}", "batch": batch}
        print(json.dumps({**what, "micros": micros(serve, batch)}))
    x = torch.randn(512, LENGTH, WIDTH, requires_grad=True)

    def learn():
        model.train().zero_grad()
        model(x).sum().backward()

    what = {"peer": "torch", "what": f"training, {name}", "batch": 512}
    print(json.dumps({**what, "micros": micros(learn, 512)}))
