"""Export trained weights as the reader's 8-bit ONNX file; compare it with the same weights in float.

python -m rag.reader.export reader.npz --squad2 DATA/squad2 --out rag/reader/model.onnx
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import onnx

from index.embedder.bert import READING, Array, Products, build
from index.embedder.parity import Checks, check_padding, check_size, read_squad
from index.encoder import Encoder
from rag.reader import MOST_TOKENS

_TOKENIZER = Path(__file__).parent / "tokenizer.json"
CANDIDATES = 10


def kendall_tau(ours: Array, theirs: Array) -> float:
    """Mean over the rows of two (questions, candidates) tables of scores."""
    upper = np.triu_indices(ours.shape[1], 1)
    signs = [np.sign(scores[:, :, None] - scores[:, None, :])[:, upper[0], upper[1]] for scores in (ours, theirs)]
    return float((signs[0] * signs[1]).mean())


@click.command(help=__doc__)
@click.argument("weights", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--squad2", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
def main(weights: Path, squad2: Path, out: Path) -> None:
    trained = dict(np.load(weights))
    onnx.save(build(trained, READING), out)
    checks = Checks()
    check_size(checks, out)

    squad = read_squad(squad2, paragraphs=300, questions=100)
    chance = np.random.default_rng(0)
    rows = [
        [answer, *chance.choice(len(squad.paragraphs), CANDIDATES - 1, replace=False)] for answer in squad.answers_in
    ]
    models = [out, build(trained, READING, Products).SerializeToString()]
    ours, floats = (Encoder(model, _TOKENIZER, max_tokens=MOST_TOKENS) for model in models)
    pairs = [(question, squad.paragraphs[n]) for question, row in zip(squad.questions, rows, strict=True) for n in row]
    eight, exact = (model.run(pairs).reshape(len(rows), CANDIDATES, -1) for model in (ours, floats))
    names = ("relevance", "answerable", "supported", "contradicted", "not stated")
    for number, name in enumerate(names):
        difference = np.abs(eight - exact)[:, :, number]
        print(
            f"{name}: logits from {exact[:, :, number].min():.2f} to {exact[:, :, number].max():.2f}; "
            f"mean difference {difference.mean():.4f}, most {difference.max():.4f}"
        )
    same = (eight[:, :, 0].argmax(axis=1) == exact[:, :, 0].argmax(axis=1)).mean()
    checks.at_least("same best paragraph as float", float(same), 0.97)
    checks.at_least("Kendall's tau to float's order", kendall_tau(eight[:, :, 0], exact[:, :, 0]), 0.93)
    check_padding(checks, ours, pairs[:: len(pairs) // 32])
    checks.finish()


if __name__ == "__main__":
    main()
