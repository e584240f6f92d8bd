"""The side of PyTorch: ``nn.LSTM`` in a plain loop, with the initial weights that Keras would draw."""

from __future__ import annotations

import sys
import time
from typing import Any

import torch
from case import FEATURES, Case, Report, cut_windows, make_series, talk
from torch import nn

if "one" in sys.argv[1:]:
    torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        self.first = nn.LSTM(FEATURES, case.units, batch_first=True)
        if case.topology == "encoder_decoder":
            self.second = nn.LSTM(case.units, case.units, batch_first=True)
        self.head = nn.Linear(case.units, case.output_length if case.topology == "vector_output" else 1)
        for name, values in self.named_parameters():
            if "bias" in name:
                nn.init.zeros_(values)
                if "bias_ih" in name:
                    nn.init.ones_(values[case.units : 2 * case.units])  # the forget gate
            elif "weight_hh" in name:
                nn.init.orthogonal_(values)
            else:
                nn.init.xavier_uniform_(values)

    def forward(self, inputs: Any) -> Any:
        outputs, (last, _) = self.first(inputs)
        if self.case.topology == "many_to_many":
            return self.head(outputs)
        if self.case.topology == "vector_output":
            return self.head(last[0])[:, :, None]
        repeated = last[0][:, None, :].expand(-1, self.case.output_length, -1)
        return self.head(self.second(repeated)[0])


def train(case: Case, report: Report) -> dict[str, Any]:
    inputs, targets, later_inputs, later_targets = map(torch.from_numpy, cut_windows(case, make_series(case)))
    began, held = time.perf_counter(), 0.0
    torch.manual_seed(case.seed)
    net = Net(case)
    optimizer, loss = torch.optim.Adam(net.parameters(), lr=0.001), nn.MSELoss()
    for _ in range(case.epochs):
        started, total = time.perf_counter(), 0.0
        for chosen in torch.randperm(len(inputs)).split(case.batch):
            optimizer.zero_grad()
            value = loss(net(inputs[chosen]), targets[chosen])
            value.backward()
            optimizer.step()
            total += float(value.detach()) * len(chosen)
        with torch.no_grad():
            later = float(loss(net(later_inputs), later_targets))
        stopped = time.perf_counter()
        report(seconds=stopped - started, loss=total / len(inputs), val=later)
        held += time.perf_counter() - stopped
    return {"seconds": time.perf_counter() - began - held, "weights": sum(p.numel() for p in net.parameters())}


if __name__ == "__main__":
    talk(train)
