"""Train what checks claims: from the weights of the reader that ships, with nothing but claims to learn.

python -m rag.reader.train_claims DATA --out claims.npz

It learns from claims that were written for this and from some of those that the reader learnt from. So that it forgets
less, what is written lies a tenth of the way back to the first weights (Wortsman et al. 2022, Robust fine-tuning of
zero-shot models, https://arxiv.org/abs/2109.01903). Goes on from its checkpoint. Needs the extra `train`.
"""

from __future__ import annotations

import random
from pathlib import Path

import click
import onnx
import torch

from index.embedder.bert import weights_of
from rag.reader.batches import TITLED, encoded, examples, tokenizer_of
from rag.reader.claims import written_examples
from rag.reader.network import Network
from rag.reader.train import learn, write

_FOLDER = Path(__file__).parent
_AGAIN = 9000  # examples
_RATES, _DECAY = (4e-5, 1e-4), 0.8
_LEARNT = 0.9  # so far from the first weights to the learnt ones lie those that are written


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The weights (.npz).")
@click.option("--tokens", default=5_500_000, show_default=True, help="How many to learn from.")
@click.option("--seed", default=0, show_default=True)
def main(data: Path, out: Path, tokens: int, seed: int) -> None:
    torch.manual_seed(seed)
    chance = random.Random(f"{seed} claims")
    tokenizer = tokenizer_of(_FOLDER)
    again = chance.sample([example for example in examples(data, seed) if example.support], _AGAIN)
    pairs = [encoded(found, tokenizer, chance.random() < TITLED) for found in [*again, *written_examples(data)]]
    first = weights_of(onnx.load(_FOLDER / "model.onnx"))
    network = Network(first)
    learn(network, pairs, out, tokens=tokens, decay=_DECAY, rates=_RATES, seed=seed)
    write({name: first[name] + _LEARNT * (learnt - first[name]) for name, learnt in network.weights().items()}, out)


if __name__ == "__main__":
    main()
