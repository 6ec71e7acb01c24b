#!/usr/bin/env python3
"""How long ONNX Runtime takes with the weights of `cargo bench --bench towers -- DIR`, one thread.

usage: towers_onnx.py DIR
needs: pip install numpy onnx onnxruntime safetensors
"""
import json
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

weights = load_file(sys.argv[1] + "/plain/user.safetensors")
x = weights.pop("table.x")
layers = len(weights) // 2
inputs = weights["layer.0.weight"].shape[1]
units = weights[f"layer.{layers - 1}.weight"].shape[0]
nodes, tensors, name = [], [], "x"
for at in range(layers):
    for part in ("weight", "bias"):
        tensors.append(numpy_helper.from_array(weights[f"layer.{at}.{part}"], f"{part}{at}"))
    nodes.append(helper.make_node("Gemm", [name, f"weight{at}", f"bias{at}"], [f"h{at}"], transB=1))
    name = f"h{at}"
    if at < layers - 1:
        nodes.append(helper.make_node("Relu", [name], [f"r{at}"]))
        name = f"r{at}"
graph = helper.make_graph(
    nodes,
    "towers",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", inputs])],
    [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", units])],
    tensors,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
onnx.checker.check_model(model)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(
    model.SerializeToString(), options, providers=["CPUExecutionProvider"]
)
for batch in (1, 64):
    times, until = [], time.perf_counter() + 2
    while time.perf_counter() < until:
        for at in range(0, len(x), batch):
            # Bound beforehand, so that what is measured is the run and not the way into it.
            binding = session.io_binding()
            binding.bind_cpu_input("x", x[at : at + batch])
            binding.bind_output(name)
            started = time.perf_counter()
            session.run_with_iobinding(binding)
            times.append((time.perf_counter() - started) * 1e6 / batch)
    what = "-".join(str(n) for n in [inputs] + [len(weights[f"layer.{i}.bias"]) for i in range(layers)])
    micros = float(np.median(times))
    print(json.dumps({"peer": "onnxruntime", "what": what + ", relu", "batch": batch, "micros": micros}))
