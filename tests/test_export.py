from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from onnx import numpy_helper

from index.embedder.bert import (
    EMBEDDING,
    LOGITS,
    READING,
    EightBitProducts,
    Head,
    Products,
    build,
    quantise,
    weights_of,
)

WIDTH, LAYERS, WORDS = 384, 2, 50


def random_bert(classes: int, seed: int = 0) -> dict[str, npt.NDArray[np.float32]]:
    """Weights of a small BERT, keyed as Hugging Face's, as a newly started one has them."""
    random = np.random.default_rng(seed)

    def matrix(*shape: int) -> npt.NDArray[np.float32]:
        return random.normal(0, 0.05, shape).astype(np.float32)

    def dense(name: str, outputs: int, inputs: int) -> dict[str, npt.NDArray[np.float32]]:
        return {f"{name}.weight": matrix(outputs, inputs), f"{name}.bias": matrix(outputs)}

    def norm(name: str) -> dict[str, npt.NDArray[np.float32]]:
        return {f"{name}.weight": 1 + matrix(WIDTH), f"{name}.bias": matrix(WIDTH)}

    weights = {
        "embeddings.word_embeddings.weight": matrix(WORDS, WIDTH),
        "embeddings.position_embeddings.weight": matrix(64, WIDTH),
        "embeddings.token_type_embeddings.weight": matrix(2, WIDTH),
        **norm("embeddings.LayerNorm"),
        **dense("pooler.dense", WIDTH, WIDTH),
        **dense("classifier", classes, WIDTH),
        **dense("tokens", 3, WIDTH),
    }
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        for name in ("query", "key", "value"):
            weights |= dense(f"{layer}.attention.self.{name}", WIDTH, WIDTH)
        weights |= dense(f"{layer}.attention.output.dense", WIDTH, WIDTH) | norm(f"{layer}.attention.output.LayerNorm")
        weights |= dense(f"{layer}.intermediate.dense", 4 * WIDTH, WIDTH)
        weights |= dense(f"{layer}.output.dense", WIDTH, 4 * WIDTH) | norm(f"{layer}.output.LayerNorm")
    return weights


def outputs(head: Head, products: type[Products], lengths: list[int]) -> npt.NDArray[np.float32]:
    graph = build(random_bert(5 if head is READING else 1), head, products)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    ids = np.zeros((len(lengths), max(lengths)), np.int64)
    mask = np.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, :length] = np.arange(1, length + 1) * (row + 1) % WORDS
        mask[row, :length] = 1
    rows: npt.NDArray[np.float32] = session.run(
        None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    )[0]
    return rows


def test_eight_bits_stay_near_to_float() -> None:
    eight, exact = (outputs(EMBEDDING, products, [5, 12, 30]) for products in (EightBitProducts, Products))
    assert np.allclose(np.linalg.norm(eight, axis=1), 1, atol=1e-5)
    assert (eight * exact).sum(axis=1).min() > 0.99


@pytest.mark.parametrize("head", [EMBEDDING, LOGITS, READING])
def test_a_text_gives_the_same_padded_and_alone(head: Head) -> None:
    together, alone = outputs(head, EightBitProducts, [5, 30]), outputs(head, EightBitProducts, [5])
    assert np.allclose(together[0], alone[0], atol=1e-4)


def test_rows_quantised_before_come_back_exactly() -> None:
    steps = np.random.default_rng(1).integers(-64, 65, (20, 100))
    rows = (steps * 0.013).astype(np.float32)
    found, scales = quantise(rows, 64)
    assert np.allclose(found * scales, rows, atol=1e-6)
    assert np.abs(found.astype(int)).max() <= 64


def test_a_graph_that_is_built_of_a_graphs_weights_is_the_same() -> None:
    first = build(random_bert(5), READING)
    again = build(weights_of(first), READING)
    for one, other in zip(first.graph.initializer, again.graph.initializer, strict=True):
        before, after = numpy_helper.to_array(one), numpy_helper.to_array(other)
        assert (one.name, before.dtype) == (other.name, after.dtype)
        assert np.allclose(before, after, rtol=1e-6)


def test_the_shipped_graphs_have_the_outputs_that_their_cards_say() -> None:
    root = Path(__file__).resolve().parent.parent
    for file, head in (
        ("index/embedder/model.onnx", EMBEDDING),
        ("rag/reader/model.onnx", READING),
        ("rag/reader/claims.onnx", READING),
    ):
        outputs = onnxruntime.InferenceSession(str(root / file)).get_outputs()
        assert {output.name: tuple(output.shape) for output in outputs} == head.outputs
