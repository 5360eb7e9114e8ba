"""BERT as an ONNX graph: a fused 8-bit one out of float weights.

Weights travel as `dict[str, Array]`, keyed as in Hugging Face's `BertModel.state_dict()` (a leading `bert.` is
dropped), with matrices (out, in), so that a PyTorch checkpoint can be built as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[np.float32]
Weights = Mapping[str, Array]

CONTRIB = "com.microsoft"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
STEPS = 64  # per sign: two products of a uint8 and such a weight fit the int16 that x86 without VNNI adds them in
TABLE_STEPS = 127  # tables are only looked up
GELU_MINIMUM = -0.17
_HEADS, _EPSILON = 12, 1e-12  # of every model that is built here


@dataclass
class Graph:
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self.tensors.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant("int64_" + "_".join(map(str, values)), np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.constant(f"float_{value:.9g}", np.array(value, np.float32))

    def op(self, op_type: str, *inputs: str, domain: str = "", output: str = "", **attributes: Any) -> str:
        """The name of the node's output; an input "" is left out."""
        output = output or f"{op_type}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=output, domain=domain, **attributes))
        return output


def quantise(rows: Array, most: int) -> tuple[NDArray[np.int8], Array]:
    """Rows as whole steps, at most `most` up or down, of a scale per row: (steps, scales).

    Of the scales that put a row's largest weight on step `most`, `most` - 1, ... down to half of it, the one with the
    least squared error is taken. So a row that was quantised to that many steps before comes back exactly: a multiple
    of its largest step is tried.
    """
    largest = np.abs(rows).max(axis=1, keepdims=True)
    largest[largest == 0] = 1
    scales = np.empty_like(largest)
    errors = np.full_like(largest, np.inf)
    for step in range(most, most // 2, -1):
        scale = largest / np.float32(step)
        steps = rows / scale
        error = np.square((steps - np.rint(steps)) * scale).sum(axis=1, keepdims=True)
        better = error < errors
        scales[better], errors[better] = scale[better], error[better]
    return np.rint(rows / scales).astype(np.int8), scales


class Products:
    """Adds `x @ weight.T` to a graph, x being (rows, width); `least`, where known, is below every element of x."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __call__(self, x: str, name: str, weight: Array, least: float | None = None) -> str:
        return self.graph.op("MatMul", x, self.graph.constant(name, weight.T))


class EightBitProducts(Products):
    """Weights in 8 bits with a scale per output, x in 8 bits with a scale per row.

    DynamicQuantizeLinear has one scale for the whole batch: less exact, and a text's result would depend on the texts
    beside it.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._quantised: dict[str, tuple[str, str, str]] = {}

    def __call__(self, x: str, name: str, weight: Array, least: float | None = None) -> str:
        graph = self.graph
        if x not in self._quantised:
            self._quantised[x] = self._quantise(x, least)
        values, scales, zero = self._quantised[x]
        steps, weight_scales = quantise(weight, STEPS)
        product = graph.op(
            "MatMulIntegerToFloat",
            values,
            graph.constant(name, steps.T),
            graph.number(1),
            graph.constant(f"{name}_scales", weight_scales[:, 0]),
            zero,
            domain=CONTRIB,
        )
        return graph.op("Mul", product, scales)

    def _quantise(self, x: str, least: float | None) -> tuple[str, str, str]:
        """x in uint8, its scales (rows, 1), and its zero point."""
        graph = self.graph
        if least is None:
            zero = 128
            largest = graph.op("ReduceMax", graph.op("Abs", x), axes=[-1], keepdims=1)
            scales = graph.op("Mul", largest, graph.number(1 / 127))
        else:
            zero = 32
            largest = graph.op("ReduceMax", x, axes=[-1], keepdims=1)
            scales = graph.op(
                "Max", graph.op("Mul", largest, graph.number(1 / (255 - zero))), graph.number(-least / zero)
            )
        flat = graph.op("Reshape", scales, graph.integers(-1))
        zeros = graph.op("Expand", graph.constant(f"zeros_{zero}", np.array([zero], np.uint8)), graph.op("Shape", flat))
        return (
            graph.op("QuantizeLinear", x, flat, zeros, axis=0),
            scales,
            graph.constant(f"zero_{zero}", np.array(zero, np.uint8)),
        )


@dataclass(frozen=True)
class Head:
    """What is computed from the last hidden states, (batch, hidden) if `first_token_only`, else a row a token.

    `outputs` are the graph's, by name, with their shapes; `nodes` adds nodes of these names.
    """

    outputs: Mapping[str, tuple[str | int, ...]]
    first_token_only: bool
    nodes: Callable[[Graph, Weights, Products, str], None]


def by_text(graph: Graph, states: str, width: int, output: str = "") -> str:
    """Rows of a token each as (batch, sequence, width)."""
    shape = graph.op("Concat", graph.op("Shape", "input_ids"), graph.integers(width), axis=0)
    return graph.op("Reshape", states, shape, output=output)


def _unit_vector(graph: Graph, weights: Weights, product: Products, first: str) -> None:
    graph.op("LpNormalization", first, axis=-1, p=2, output="embedding")


def _classify(graph: Graph, weights: Weights, product: Products, first: str) -> None:
    """BertForSequenceClassification; its last matrix is tiny and stays float."""
    pooled = product(first, "pooler.dense.weight", weights["pooler.dense.weight"])
    pooled = graph.op("Add", pooled, graph.constant("pooler.dense.bias", weights["pooler.dense.bias"]))
    _linear(graph, weights, graph.op("Tanh", pooled), "classifier", "logits")


def _read(graph: Graph, weights: Weights, product: Products, states: str) -> None:
    """What the first token says of the pair, and what each token says of itself."""
    width = weights["pooler.dense.bias"].size
    first = graph.op("Gather", by_text(graph, states, width), graph.constant("zero", np.array(0, np.int64)), axis=1)
    _classify(graph, weights, product, first)
    of_tokens = _linear(graph, weights, states, "tokens")
    by_text(graph, of_tokens, weights["tokens.bias"].size, "tokens")


def _linear(graph: Graph, weights: Weights, x: str, name: str, output: str = "") -> str:
    product = graph.op("MatMul", x, graph.constant(f"{name}.weight", weights[f"{name}.weight"].T))
    return graph.op("Add", product, graph.constant(f"{name}.bias", weights[f"{name}.bias"]), output=output)


EMBEDDING = Head({"embedding": ("batch", 384)}, True, _unit_vector)
LOGITS = Head({"logits": ("batch", 1)}, True, _classify)
READING = Head({"logits": ("batch", 5), "tokens": ("batch", "sequence", 3)}, False, _read)


@dataclass
class _Bert:
    """Hidden states are (batch * sequence, hidden) all through: quantisation wants a row per token."""

    graph: Graph
    weights: Weights
    product: Products

    def __post_init__(self) -> None:
        self.hidden = self.weights["embeddings.LayerNorm.bias"].size
        self.batch = self.graph.op("Shape", "input_ids", start=0, end=1)
        self.length = self.graph.op("Shape", "input_ids", start=1, end=2)

    def parameter(self, name: str) -> str:
        return self.graph.constant(name, self.weights[name])

    def project(self, x: str, name: str, least: float | None = None) -> str:
        return self.product(x, f"{name}.weight", self.weights[f"{name}.weight"], least)

    def normalise(self, x: str, skip: str, norm: str) -> str:
        """Not SkipLayerNormalization, which takes several times as long as these two on a CPU."""
        inputs = (self.graph.op("Add", x, skip), self.parameter(f"{norm}.weight"), self.parameter(f"{norm}.bias"))
        return self.graph.op("LayerNormalization", *inputs, axis=-1, epsilon=_EPSILON)

    def by_text(self, x: str) -> str:
        """(batch, sequence, hidden)"""
        shape = self.graph.op("Concat", self.batch, self.graph.integers(-1), self.graph.integers(self.hidden), axis=0)
        return self.graph.op("Reshape", x, shape)

    def by_token(self, x: str) -> str:
        return self.graph.op("Reshape", x, self.graph.integers(-1, self.hidden))

    def first_tokens(self, x: str) -> str:
        return self.graph.op("Gather", self.by_text(x), self.graph.constant("first", np.array(0, np.int64)), axis=1)

    def look_up(self, name: str, rows: Callable[[str], str]) -> str:
        """Rows of a table in 8 bits: only those looked up are turned into float."""
        steps, scales = quantise(self.weights[name], TABLE_STEPS)
        values = self.graph.op("Cast", rows(self.graph.constant(name, steps)), to=TensorProto.FLOAT)
        return self.graph.op("Mul", values, rows(self.graph.constant(f"{name}_scales", scales)))

    def embed(self) -> str:
        graph, zero = self.graph, self.graph.integers(0)
        words = self.look_up(
            "embeddings.word_embeddings.weight", lambda table: graph.op("Gather", table, "input_ids", axis=0)
        )
        positions = self.look_up(
            "embeddings.position_embeddings.weight", lambda table: graph.op("Slice", table, zero, self.length, zero)
        )
        types = graph.op("Gather", self.parameter("embeddings.token_type_embeddings.weight"), "token_type_ids", axis=0)
        return self.by_token(self.normalise(graph.op("Add", words, types), positions, "embeddings.LayerNorm"))

    def layer(self, x: str, mask: str, number: int, first_token_only: bool) -> str:
        graph, layer = self.graph, f"encoder.layer.{number}"
        name = f"{layer}.attention.self"
        keys, values = self.project(x, f"{name}.key"), self.project(x, f"{name}.value")
        if first_token_only:
            x = self.first_tokens(x)
        queries = graph.op("Add", self.project(x, f"{name}.query"), self.parameter(f"{name}.query.bias"))
        attention = [self.by_text(states) for states in (queries, keys, values)]
        context = graph.op("MultiHeadAttention", *attention, "", mask, domain=CONTRIB, num_heads=_HEADS)

        # A bias of the keys shifts a query's scores all alike, which softmax ignores; that of the values passes it.
        name = f"{layer}.attention.output"
        weight, value_bias = self.weights[f"{name}.dense.weight"], self.weights[f"{layer}.attention.self.value.bias"]
        bias = graph.constant(f"{name}.dense.bias", self.weights[f"{name}.dense.bias"] + weight @ value_bias)
        projected = graph.op("Add", self.project(self.by_token(context), f"{name}.dense"), bias)
        x = self.normalise(projected, x, f"{name}.LayerNorm")

        wide = self.project(x, f"{layer}.intermediate.dense")
        wide = graph.op("BiasGelu", wide, self.parameter(f"{layer}.intermediate.dense.bias"), domain=CONTRIB)
        narrow = self.project(wide, f"{layer}.output.dense", least=GELU_MINIMUM)
        narrow = graph.op("Add", narrow, self.parameter(f"{layer}.output.dense.bias"))
        return self.normalise(narrow, x, f"{layer}.output.LayerNorm")


def weights_of(model: onnx.ModelProto) -> dict[str, Array]:
    """The weights that `build` made an 8-bit graph of, as near as it holds them: built again they give the same graph.

    Biases of keys and values, which it does without, are zero.
    """
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    found: dict[str, Array] = {}
    for name, values in tensors.items():
        if f"{name}_scales" in tensors:
            scales = tensors[f"{name}_scales"].reshape(-1, 1)
            rows = values if name.startswith("embeddings") else values.T
            found[name] = rows.astype(np.float32) * scales
        elif name.startswith(("classifier", "tokens")):
            found[name] = np.ascontiguousarray(values.T)
        elif name.endswith((".weight", ".bias")):
            found[name] = values
    for name in [name for name in found if name.endswith(".self.query.bias")]:
        for other in ("key", "value"):
            found[name.replace("query", other)] = np.zeros_like(found[name])
    return found


def build(weights: Weights, head: Head, products: type[Products] = EightBitProducts) -> onnx.ModelProto:
    """In the last layer only first tokens go on if the head needs no others."""
    weights = {name.removeprefix("bert."): weight for name, weight in weights.items()}
    graph = Graph()
    bert = _Bert(graph, weights, products(graph))
    layers = sum(name.endswith(".intermediate.dense.bias") for name in weights)

    mask = graph.op("Cast", "attention_mask", to=TensorProto.INT32)
    x = bert.embed()
    for number in range(layers):
        x = bert.layer(x, mask, number, head.first_token_only and number == layers - 1)
    head.nodes(graph, weights, bert.product, x)

    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "bert",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in INPUTS],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in head.outputs.items()],
            list(graph.tensors.values()),
        ),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(CONTRIB, 1)],
        ir_version=8,
        producer_name="pincite",
    )
