"""The reader as a PyTorch module, for training only: BERT, and what is read off its last hidden states."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from index.embedder.bert import Weights

HEADS = 12
EPSILON = 1e-12

# What the first token says of the pair, and what each token says of itself: rows of the last matrices.
OF_PAIR = ("relevance", "answerable", "supported", "contradicted", "not stated")
OF_TOKEN = ("start", "end", "evidence")


class Network(nn.Module):
    """Its parameters carry the names of BertForSequenceClassification; `tokens` is a matrix of our own."""

    def __init__(self, weights: Weights) -> None:
        """`weights`: of a cross-encoder with one output (rows that it lacks start at zero), or of a `Network`."""
        super().__init__()
        self.layers = sum(name.endswith(".intermediate.dense.bias") for name in weights)
        given = {name: torch.from_numpy(np.array(array, np.float32)) for name, array in weights.items()}
        width = weights["pooler.dense.bias"].size
        for name, shape in {
            "classifier.weight": (len(OF_PAIR), width),
            "classifier.bias": (len(OF_PAIR),),
            "tokens.weight": (len(OF_TOKEN), width),
            "tokens.bias": (len(OF_TOKEN),),
        }.items():
            known = given.get(name, torch.zeros(0, *shape[1:]))
            given[name] = torch.cat([known, torch.zeros(shape[0] - len(known), *shape[1:])])
        self.names = {name.replace(".", "-"): name for name in given}
        for key, name in self.names.items():
            self.register_parameter(key, nn.Parameter(given[name]))

    def __getitem__(self, name: str) -> Tensor:
        found: Tensor = getattr(self, name.replace(".", "-"))
        return found

    def weights(self) -> Weights:
        return {name: getattr(self, key).detach().float().numpy().copy() for key, name in self.names.items()}

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Logits: (batch, len(OF_PAIR)) and (batch, sequence, len(OF_TOKEN)); `mask` is true where there is text."""
        x = functional.embedding(ids, self["embeddings.word_embeddings.weight"])
        x = x + self["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = x + functional.embedding(types, self["embeddings.token_type_embeddings.weight"])
        x = self._normalised(x, "embeddings.LayerNorm").bfloat16()
        attended = torch.zeros(mask.shape, dtype=x.dtype).masked_fill(~mask, -1e4)[:, None, None, :]
        for number in range(self.layers):
            x = self._layer(x, attended, f"encoder.layer.{number}")
        x = x.float()
        pooled = torch.tanh(functional.linear(x[:, 0], self["pooler.dense.weight"], self["pooler.dense.bias"]))
        of_pair = functional.linear(pooled, self["classifier.weight"], self["classifier.bias"])
        return of_pair, functional.linear(x, self["tokens.weight"], self["tokens.bias"])

    def _linear(self, x: Tensor, *names: str) -> Tensor:
        weight = torch.cat([self[f"{name}.weight"] for name in names]).bfloat16()
        return functional.linear(x, weight, torch.cat([self[f"{name}.bias"] for name in names]).bfloat16())

    def _normalised(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self[f"{name}.weight"].to(x.dtype), self[f"{name}.bias"].to(x.dtype)
        return functional.layer_norm(x, weight.shape, weight, bias, EPSILON)

    def _layer(self, x: Tensor, attended: Tensor, name: str) -> Tensor:
        """Attention by plain products: on a CPU a step takes three quarters of the time it takes with PyTorch's own."""
        batch, length, width = x.shape
        mixed = self._linear(x, *(f"{name}.attention.self.{part}" for part in ("query", "key", "value")))
        query, key, value = mixed.view(batch, length, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        weights = torch.softmax((query / (width // HEADS) ** 0.5) @ key.transpose(-1, -2) + attended, dim=-1)
        context = (weights @ value).transpose(1, 2).reshape(batch, length, width)
        x = self._normalised(
            x + self._linear(context, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
        )
        wide = functional.gelu(self._linear(x, f"{name}.intermediate.dense"))
        return self._normalised(x + self._linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")
