"""Matching of new claims with known ones: `python -m tests.benchmarks.known_claims FOLDER`.

FOLDER holds task 2A (English) of CheckThat! 2022: tweets that each repeat a checked claim, the judgments, and all
checked claims. Prints AP@5 (the task's MAP@5) and R@5 on train, where the weight of the words was chosen, and on dev,
by meaning, by words and by both; then how often the nearest claim is right, by its score.
"""

from __future__ import annotations

import argparse
import csv
import lzma
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims
from claimhound.data.records import Qrels, Run, ScoredDoc
from claimhound.indexes.vectors import Vectors
from claimhound.pipeline.annotation.known import WORDS_SHARE, KnownClaim, KnownClaims
from claimhound.pipeline.evaluation.measures import mean_measures
from claimhound.pipeline.models.encoders import Encoder, load_encoder
from claimhound.pipeline.serving.compute import Compute

_MEASURES = ("AP@5", "R@5")
_PARTS = {"train": "CT2022-Task2A-EN-Train_QRELs.tsv", "dev": "CT2022-Task2A-EN-Dev_QRELs.tsv"}
_TWEETS = "CT2022-Task2A-EN-Train-Dev_Queries.tsv.xz"
_BANDS = ((0.0, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 1.0))


class RememberingEncoder:
    """An encoder that encodes each text once and caches the vector."""

    def __init__(self, encoder: Encoder) -> None:
        self.identity = encoder.identity
        self.runtime_name = encoder.runtime_name
        self._encoder = encoder
        self._vectors: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        self._vectors.update(zip(new, self._encoder.encode(new, as_query=as_query), strict=True))
        return np.stack([self._vectors[text] for text in texts])

    def unknown_share(self, text: str) -> float:
        return self._encoder.unknown_share(text)


def read_tweets(path: Path) -> dict[str, str]:
    """Return id -> text from a file of two columns without a header."""
    with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
        return {row[0]: row[1] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


def table_of_measures(found: dict[str, dict[str, list[KnownClaim]]], qrels: dict[str, Qrels]) -> Table:
    """Return a row for each way of comparing, with the measures on each part."""
    table = Table("nearest by", *(f"{part} {measure}" for part in qrels for measure in _MEASURES))
    for name, nearest in found.items():
        run: Run = {tweet: [ScoredDoc(hit.claim_id, hit.score) for hit in hits] for tweet, hits in nearest.items()}
        means = [mean_measures(run, judged, _MEASURES)[measure] for judged in qrels.values() for measure in _MEASURES]
        table.add_row(name, *(f"{mean:.3f}" for mean in means))
    return table


def table_of_scores(nearest: dict[str, list[KnownClaim]], qrels: dict[str, Qrels]) -> Table:
    """Return for each band of scores the number of tweets whose nearest claim is in it, and the share that is right."""
    table = Table("score of the nearest", *(f"{part} {what}" for part in qrels for what in ("tweets", "right")))
    for low, high in _BANDS:
        cells = []
        for judged in qrels.values():
            firsts = {tweet: nearest[tweet][0] for tweet in judged if nearest[tweet]}
            inside = {tweet: hit for tweet, hit in firsts.items() if low <= hit.score < high or hit.score == high == 1}
            right = sum(judged[tweet].get(hit.claim_id, 0) > 0 for tweet, hit in inside.items())
            cells += [str(len(inside)), f"{right / len(inside):.0%}" if inside else "–"]
        table.add_row(f"{low} to {high}", *cells)
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    encoder = RememberingEncoder(load_encoder(compute=Compute("cpu")))
    known = list(
        read_claims(
            folder / "verified_claims.jsonl.xz", ReadOptions(id_field="ver_claim_ids", text_field="ver_claim_texts")
        )
    )
    tweets = read_tweets(folder / _TWEETS)
    qrels = {part: read_qrels(folder / name) for part, name in _PARTS.items()}
    start = time.perf_counter()
    encoder.encode([claim.text for claim in known], as_query=True)
    encoder.encode(list(tweets.values()), as_query=True)
    print(f"encoded {len(known):,} known claims and {len(tweets):,} tweets: {time.perf_counter() - start:.0f} s")
    found: dict[str, dict[str, list[KnownClaim]]] = {}
    for name, share in (("meaning", 0.0), ("words", 1.0), (f"both, words {WORDS_SHARE}", WORDS_SHARE)):
        claims = KnownClaims(known, encoder, words_share=share)
        start = time.perf_counter()
        found[name] = dict(zip(tweets, claims.nearest(list(tweets.values()), 5), strict=True))
        spent = time.perf_counter() - start
        print(f"nearest by {name}: {1000 * spent / len(tweets):.2f} ms a tweet, vectors given")
    console = Console(width=max(100, Console().width))
    console.print(table_of_measures(found, qrels))
    console.print(table_of_scores(found[list(found)[-1]], qrels))


if __name__ == "__main__":
    main()
