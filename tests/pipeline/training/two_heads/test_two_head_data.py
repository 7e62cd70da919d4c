"""Sources of a model with two heads: claims to measure on are left out of each kind, and a useless set is named."""

from __future__ import annotations

import json

import pytest

from claimhound.data.errors import InputError, RecordError
from claimhound.data.labelled_sets.pair_sources import PairSource
from claimhound.data.labelled_sets.stance_sources import StanceSource
from claimhound.data.labelled_sets.stances import STANCES
from claimhound.data.labelled_sets.taught_pairs import TaughtPair, write_taught_pairs
from claimhound.pipeline.training.two_heads.data import TwoHeadSources, read_two_head_data, refuse_single_labels

LOGITS = (1.0, 2.0, 0.0, -1.0)


def write_lines(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def relevance_source(path, labels=(1, 0), claim="Ice melts."):
    return PairSource(
        "pairs",
        write_lines(path, *({"claim": claim, "text": f"T{n}", "label": label} for n, label in enumerate(labels))),
    )


def stance_source(path, labels=STANCES, claim="Ice melts.", kind="pairs"):
    records = ({"claim": claim, "text": f"S{n}", "label": label, "group": "g"} for n, label in enumerate(labels))
    return StanceSource(kind, write_lines(path, *records))


def taught_file(path, *claims):
    write_taught_pairs([TaughtPair(claim, "U", teacher=LOGITS) for claim in claims], path)
    return path


def read(said=None, **sources):
    return read_two_head_data(TwoHeadSources(**sources), seed=1, notify=(said if said is not None else []).append)


def test_each_source_becomes_a_set_of_pairs_with_what_is_known(tmp_path):
    folder = tmp_path.name
    said = []
    data = read(
        said,
        relevance=[relevance_source(tmp_path / "judged.jsonl")],
        stance=[stance_source(tmp_path / "stances.jsonl.xz".removesuffix(".xz"))],
        taught=[taught_file(tmp_path / "taught.jsonl", "Sun shines.")],
    )
    assert [one.name for one in data.sets] == [f"{folder}/judged", f"{folder}/stances", f"{folder}/taught"]
    assert data.all_pairs() == [
        TaughtPair("Ice melts.", "T0", relevance=1.0),
        TaughtPair("Ice melts.", "T1", relevance=0.0),
        *(TaughtPair("Ice melts.", f"S{n}", stance=stance, group="g") for n, stance in enumerate(STANCES)),
        TaughtPair("Sun shines.", "U", teacher=LOGITS),
    ]
    assert [file.name for file in data.files] == ["judged.jsonl", "stances.jsonl", "taught.jsonl"]
    assert data.files[2].gave == "1 pairs with a teacher's logits"
    assert said[-1] == f"{folder}/taught: 1 pairs with a teacher's logits"


def test_claims_to_measure_on_are_left_out_of_all_three_kinds(tmp_path):
    relevance = [relevance_source(tmp_path / "r1.jsonl"), relevance_source(tmp_path / "r2.jsonl", claim="Sea rises.")]
    stance = [stance_source(tmp_path / "s1.jsonl"), stance_source(tmp_path / "s2.jsonl", claim="Sea rises.")]
    taught = [taught_file(tmp_path / "taught.jsonl", "Wind blows.", "Sun shines.", "SEA rises", "Wind blows.")]
    data = read(
        relevance=relevance[1:],
        stance=stance[1:],
        taught=taught,
        excluded_claims=["wind BLOWS"],
    )
    assert (len(data.all_pairs()), data.n_excluded) == (2 + 3 + 2, 2)
    assert data.files[-1].gave == "2 pairs with a teacher's logits; 2 left out"
    mixed = write_lines(
        tmp_path / "mixed.jsonl",
        *({"claim": claim, "text": "T", "label": label} for claim in ("Ice melts.", "Sea rises.") for label in (0, 1)),
    )
    labelled = write_lines(
        tmp_path / "labelled.jsonl",
        *({"claim": claim, "text": "T", "label": label} for claim in ("Ice melts.", "Sea rises.") for label in STANCES),
    )
    data = read(
        relevance=[PairSource("pairs", mixed)],
        stance=[StanceSource("pairs", labelled)],
        taught=taught,
        excluded_claims=["sea, RISES!"],
    )
    assert {pair.claim for pair in data.all_pairs()} == {"Ice melts.", "Wind blows.", "Sun shines."}
    assert data.n_excluded == 2 + 3 + 1


@pytest.mark.parametrize("kind", ["relevance", "stance", "taught"])
def test_a_source_whose_claims_are_all_excluded_is_named(tmp_path, kind):
    sources = {
        "relevance": relevance_source,
        "stance": stance_source,
        "taught": lambda path: taught_file(path, "Ice melts."),
    }
    path = tmp_path / "data.jsonl"
    with pytest.raises(InputError) as caught:
        read(**{kind: [sources[kind](path)]}, excluded_claims=["ice melts"])
    assert str(caught.value) == f"{path}: has no pair to learn: all of its claims are excluded; leave the file out"


def test_a_set_to_measure_on_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(InputError, match=r"dev\.tsv: its name says it is for measuring"):
        read(
            relevance=[PairSource("pairs", tmp_path / "missing.jsonl")],
            stance=[StanceSource("rte", tmp_path / "dev.tsv")],
        )
    path = tmp_path / "dev.jsonl"
    assert len(read(stance=[stance_source(path)]).all_pairs()) == 3


def test_a_teacher_s_file_of_another_shape_is_named_with_its_line(tmp_path):
    path = write_lines(tmp_path / "taught.jsonl", {"claim": "C", "evidence": "T", "teacher": [0.5]})
    with pytest.raises(RecordError, match=r"taught\.jsonl:1: has no list of 4 logits"):
        read(taught=[path])


@pytest.mark.parametrize("stance", STANCES)
def test_a_set_of_one_stance_is_refused_by_name(tmp_path, stance):
    path = tmp_path / "stances.jsonl"
    data = read(stance=[stance_source(path, [stance] * 1200)])
    with pytest.raises(InputError) as caught:
        refuse_single_labels(data.sets)
    assert str(caught.value) == (
        f"{path}: all 1,200 pairs are {stance}; join it with pairs of other stances in one file, or leave it out"
    )


@pytest.mark.parametrize(("labels", "word"), [((1, 0.5), "relevant; `evidence:FILE`"), ((0, 0.49), "not relevant")])
def test_a_set_of_one_relevance_is_refused_by_name(tmp_path, labels, word):
    path = tmp_path / "judged.jsonl"
    data = read(relevance=[relevance_source(path, labels)])
    with pytest.raises(InputError) as caught:
        refuse_single_labels(data.sets)
    assert str(caught.value).startswith(f"{path}: all 2 pairs are {word}")


def test_two_kinds_of_labels_are_enough_and_a_teacher_needs_none(tmp_path):
    one_kind = [TaughtPair("C", text, stance="SUPPORTS", relevance=1.0, teacher=LOGITS) for text in "tu"]
    write_taught_pairs(one_kind, tmp_path / "taught.jsonl")
    data = read(
        relevance=[relevance_source(tmp_path / "r.jsonl")],
        stance=[stance_source(tmp_path / "s.jsonl", STANCES[:2])],
        taught=[tmp_path / "taught.jsonl", taught_file(tmp_path / "unlabelled.jsonl", "A", "B")],
    )
    assert refuse_single_labels(data.sets) is None
    assert len(data.all_pairs()) == 2 + 2 + 2 + 2
