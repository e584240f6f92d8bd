"""The side of PyTorch: a lean loop over ``nn.LSTM``, on one core; two of them share the grid."""

from __future__ import annotations

import os
import sys

if hasattr(os, "sched_setaffinity"):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(sys.argv[4]) % len(cores)]})

import torch
from sweep_case import BATCH, UNITS, told, windows
from torch import nn

torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self, topology: str, length: int) -> None:
        super().__init__()
        self.length, self.vector = length, topology == "vector_output"
        self.encoder = nn.LSTM(1, UNITS, batch_first=True)
        self.decoder = None if self.vector else nn.LSTM(UNITS, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, length if self.vector else 1)

    def forward(self, past: torch.Tensor) -> torch.Tensor:
        last = self.encoder(past)[0][:, -1]
        if self.decoder is None:
            return self.head(last)
        return self.head(self.decoder(last[:, None].expand(-1, self.length, -1))[0])[..., 0]


folder, epochs, runs = told()
for topology, timesteps, length, seed in runs:
    torch.manual_seed(seed)
    data = {name: tuple(map(torch.from_numpy, pair)) for name, pair in windows(folder, timesteps, length).items()}
    model = Model(topology, length)
    optimizer, loss = torch.optim.Adam(model.parameters(), lr=0.001), nn.MSELoss()
    inputs, targets = data["train"]
    for _ in range(epochs):
        for chosen in torch.randperm(len(inputs)).split(BATCH):
            optimizer.zero_grad()
            loss(model(inputs[chosen]), targets[chosen]).backward()
            optimizer.step()
        with torch.no_grad():
            loss(model(data["validation"][0]), data["validation"][1])
    with torch.no_grad():
        error = (model(data["test"][0]) - data["test"][1]).abs().mean()
    print(topology, timesteps, length, seed, f"{error:.4f}", flush=True)
