"""Modules of any kind as ONNX models, by `torch.onnx.export`."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from twinspire.export._towers import require


@dataclass(frozen=True)
class Input:
    """One argument of a module's `forward`: a tensor of [batch, width], or of [batch] without width."""

    name: str
    width: int | None = None
    dtype: Any = torch.float32


@torch.no_grad()
def model(where: str, module: Any, inputs: Sequence[Input], dimension: int, opset: int) -> bytes:
    """The bytes of a module's ONNX model, all weights inside, for a batch of any size."""
    # Sizes of 0 and 1 are taken for constants by the exporter.
    batch = 3
    shapes = [(batch,) if one.width is None else (batch, one.width) for one in inputs]
    given = tuple(torch.zeros(shape, dtype=one.dtype) for shape, one in zip(shapes, inputs))
    vector = module(*given)
    require(
        tuple(vector.shape) == (batch, dimension),
        f"{where}: gives the shape {list(vector.shape)} for a batch of {batch}, not [{batch}, {dimension}]",
    )
    any_batch = {0: torch.export.Dim("batch")}
    # The arguments of `forward(*values)` are one tuple.
    packed = any(one.kind is one.VAR_POSITIONAL for one in inspect.signature(module.forward).parameters.values())
    dynamic: Any = tuple(any_batch for _ in inputs)
    program = torch.onnx.export(
        module,
        given,
        dynamo=True,
        opset_version=opset,
        # The optimiser takes a small constant for zero, and drops the 1e-16 that keeps a mean of nothing finite.
        optimize=False,
        external_data=False,
        verbose=False,
        input_names=[one.name for one in inputs],
        output_names=["vector"],
        dynamic_shapes=(dynamic,) if packed else dynamic,
    )
    return bytes(program.model_proto.SerializeToString())
