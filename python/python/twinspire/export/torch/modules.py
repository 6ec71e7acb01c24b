"""What `nn.Sequential` cannot say: use these in the model, they train like any other module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


class Add(nn.Module):
    """The sum of what several modules make of one input; `nn.Identity()` is the input itself."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Any) -> Any:
        return sum(branch(x) for branch in self.branches)


class Residual(Add):
    """x + block(x)."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__(nn.Identity(), block)


class Concat(Add):
    """What several modules make of one input, one after the other."""

    def forward(self, x: Any) -> Any:
        return torch.cat([branch(x) for branch in self.branches], dim=-1)


class L2Normalise(nn.Module):
    """x by its length."""

    def forward(self, x: Any) -> Any:
        return F.normalize(x, dim=-1)


class Temperature(nn.Module):
    """x / value; value is a number above 0, or an `nn.Parameter` with one."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Any) -> Any:
        return x / self.value


class FeatureWeights(nn.Module):
    """Weighs the features against each other (SENet); `widths` says how many numbers each gives."""

    def __init__(
        self, widths: Sequence[int], units: int, activation: nn.Module | None = None, gate: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.widths = list(widths)
        self.squeeze = nn.Linear(len(self.widths), units)
        self.excite = nn.Linear(units, len(self.widths))
        self.activation = nn.ReLU() if activation is None else activation
        self.gate = nn.Sigmoid() if gate is None else gate

    def forward(self, x: Any) -> Any:
        means = torch.stack([part.mean(-1) for part in x.split(self.widths, -1)], -1)
        weights = self.gate(self.excite(self.activation(self.squeeze(means))))
        return x * weights.repeat_interleave(torch.tensor(self.widths, device=x.device), -1)
