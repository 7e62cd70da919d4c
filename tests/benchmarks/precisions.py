"""Recall for each pair of encoder precisions: `python -m tests.benchmarks.precisions`.

For each claim the first `--depth` documents of an exact search are candidates. They are encoded in every precision of
this processor and ranked for claims encoded in every precision. A document beyond that depth would have to pass
hundreds of others to be among the first `--k` in another precision, so the figures are the recall of an exact search
over the whole index.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from claimhound.data.errors import ModelError
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.readers.claims import read_claims
from claimhound.data.records import Query
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.vectors import Vectors
from claimhound.pipeline.models.encoders import Encoder, load_encoder
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.precision import PREFERRED
from claimhound.pipeline.serving.processor import this_processor


def encoders(name: str) -> dict[str, Encoder]:
    """Return the encoder in every available precision, printing why others are not."""
    found: dict[str, Encoder] = {}
    for precision in PREFERRED:
        try:
            found[precision] = load_encoder(name, Compute("cpu", precision=precision, notify=print))
        except ModelError as error:
            print(error)
    return found


def recall(claims: Vectors, documents: Vectors, rows: list[list[int]], relevant: list[set[int]], k: int) -> float:
    """Return the mean over claims of the share of relevant documents among the first k candidates.

    `rows` are each claim's candidates, `relevant` its relevant documents, some of which may not be candidates.
    """
    shares = []
    for claim, candidates, wanted in zip(claims, rows, relevant, strict=True):
        order = np.argsort(-(documents[candidates] @ claim), kind="stable")[:k]
        shares.append(len(wanted & {candidates[place] for place in order}) / len(wanted))
    return float(np.mean(shares))


def judged(path: str, qrels_path: str) -> tuple[list[Query], list[set[str]]]:
    """Return the claims that have relevant documents, and those documents."""
    qrels = read_qrels(qrels_path)
    relevant = {name: {doc for doc, grade in grades.items() if grade > 0} for name, grades in qrels.items()}
    claims = [claim for claim in read_claims(path) if relevant.get(claim.query_id)]
    return claims, [relevant[claim.query_id] for claim in claims]


def main() -> None:
    """Measure every pair of precisions and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--claims", required=True)
    parser.add_argument("--qrels", required=True)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--depth", type=int, default=500, help="candidates of each claim")
    options = parser.parse_args()
    index = IndexSnapshot.open(options.index)
    claims, relevant = judged(options.claims, options.qrels)
    by_precision = encoders(index.manifest.encoder.name)
    texts = [claim.text for claim in claims]
    claim_vectors = {name: encoder.encode(texts, as_query=True) for name, encoder in by_precision.items()}
    first = next(iter(claim_vectors.values()))
    found = index.search_vectors(first, options.depth, probe_share=1.0)
    names = list(dict.fromkeys(hit.doc_id for ranking in found for hit in ranking))
    row_of = {name: row for row, name in enumerate(names)}
    rows = [[row_of[hit.doc_id] for hit in ranking] for ranking in found]
    # A relevant document that is not a candidate is never found.
    wanted = [{row_of.get(name, -1 - place) for place, name in enumerate(sorted(docs))} for docs in relevant]
    evidence = [document.text for document in index.documents(names)]
    print(f"{len(texts)} claims, {len(evidence):,} candidates of {index.n_docs:,}; {this_processor().name}")
    document_vectors = {name: encoder.encode(evidence) for name, encoder in by_precision.items()}
    table = Table(f"R@{options.k}: documents in", *(f"claims in {name}" for name in by_precision))
    for name, vectors in document_vectors.items():
        figures = (recall(claim_vectors[other], vectors, rows, wanted, options.k) for other in by_precision)
        table.add_row(name, *(f"{figure:.4f}" for figure in figures))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
