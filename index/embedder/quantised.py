"""A BERT in a file made by onnxruntime's quantize_dynamic: its weights, and its graph, turned back into float."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from index.embedder.bert import Array


def _initializers(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _dequantise(tensors: Mapping[str, NDArray[Any]], quantised: str) -> Array:
    """A scale per tensor, or per column of a matrix (in, out), broadcasts as it is."""
    base = quantised.removesuffix("_quantized")
    steps = tensors[quantised].astype(np.int32) - tensors[f"{base}_zero_point"].astype(np.int32)
    weights: Array = (steps * tensors[f"{base}_scale"]).astype(np.float32)
    return weights


def read_weights(path: Path) -> dict[str, Array]:
    """The float weights of a BERT quantised by quantize_dynamic."""
    model = onnx.load(path)
    tensors = _initializers(model)
    weights = {
        name.removesuffix("_quantized"): _dequantise(tensors, name)
        for name in tensors
        if name.endswith(".weight_quantized")
    }
    weights |= {name: tensor for name, tensor in tensors.items() if re.search(r"\.(weight|bias)$", name)}
    for node in model.graph.node:
        if node.op_type == "MatMulInteger":  # a node such as /bert/encoder/layer.0/output/dense/MatMul_quant
            name = node.name.strip("/").rpartition("/")[0].replace("/", ".") + ".weight"
            weights[name] = np.ascontiguousarray(_dequantise(tensors, node.input[1]).T)
    return {name.removeprefix("bert."): weight for name, weight in weights.items()}


def dequantised_graph(path: Path) -> onnx.ModelProto:
    """The file's own graph, its integer products turned back into float ones: what a rebuilt one is compared with."""
    model = onnx.load(path)
    graph = model.graph
    tensors = _initializers(model)
    producer = {output: node for node in graph.node for output in node.output}
    consumers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)

    replaced: dict[str, onnx.NodeProto] = {}
    dropped: set[str] = set()
    for node in graph.node:
        if node.op_type != "MatMulInteger":
            continue
        source = producer[node.input[0]]
        (cast,) = consumers[node.output[0]]
        (rescale,) = consumers[cast.output[0]]
        if (source.op_type, cast.op_type, rescale.op_type) != ("DynamicQuantizeLinear", "Cast", "Mul"):
            raise ValueError(f"{path}: {node.name} is not a dynamically quantised product")
        weight = f"{node.input[1]}_float"
        graph.initializer.append(numpy_helper.from_array(_dequantise(tensors, node.input[1]), weight))
        product = helper.make_node("MatMul", [source.input[0], weight], [rescale.output[0]], name=node.name)
        replaced[rescale.output[0]] = product
        scales = next(name for name in rescale.input if name != cast.output[0])
        dropped |= {source.output[0], node.output[0], cast.output[0], scales}

    nodes = [replaced.get(node.output[0], node) for node in graph.node if node.output[0] not in dropped]
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    return model
