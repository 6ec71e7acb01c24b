"""Towers from models that were trained elsewhere. A self-test is run before they are returned.

- `factors`: the matrices of a factor model, such as ALS or BPR.
- `onnx`: a model as ONNX for each tower, from any framework.
- `twinspire.export.torch`: layers of PyTorch, or any module by way of ONNX.
- `twinspire.export.keras`: functional and sequential models of Keras 3, with their preprocessing layers.
- `twinspire.export.rechub`: two-tower models of torch-rechub.

The last three import their framework and are imported by name: ``from twinspire.export import torch``.
`twinspire.Towers.save` writes a directory of the towers, self-test included.
"""

from __future__ import annotations

from twinspire.export._factors import factors
from twinspire.export._onnx import OnnxTower, onnx

__all__ = ["OnnxTower", "factors", "onnx"]
