"""The regression benchmark on tiny data: what counts as a fall, and what is stored."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pipeline_fakes import FakeEncoder, FakeReranker, FakeStance

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.stances import StancePair, StanceSet
from claimhound.pipeline.evaluation.statistics import Interval
from claimhound.pipeline.indexing.building import build_index
from tests.benchmarks import regress
from tests.benchmarks.regress import Measured

N = 18
RIGHT = "The ice sheet melts."


class RunsIn:
    """A fake model that says it is served in a precision."""

    def __init__(self, model, precision):
        self.model, self.runtime_name = model, f"OpenVINO {precision} on cpu"

    def __getattr__(self, name):
        return getattr(self.model, name)


def models(*, logit=5.0, stance=(1, 0, 0), precision="bf16"):
    return regress.Models(FakeEncoder(), RunsIn(FakeReranker({RIGHT: logit}), precision), FakeStance({RIGHT: stance}))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Climate claims that all have the same relevant document, and pairs that support or are neutral."""
    root = tmp_path_factory.mktemp("datasets")
    climate, healthver = root / "climate", root / "healthver"
    climate.mkdir()
    healthver.mkdir()
    documents = [{"_id": "right", "text": RIGHT}, *({"_id": f"d{n}", "text": f"ice sheet {n}"} for n in range(N))]
    claims = [{"_id": f"c{n}", "text": f"ice sheet {n}"} for n in range(N)]
    for name, records in (("corpus.jsonl", documents), ("queries-dev.jsonl", claims)):
        (climate / name).write_text("".join(json.dumps(record) + "\n" for record in records))
    (climate / "qrels-dev.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(f"c{n}\tright\t1\n" for n in range(N))
    )
    rows = [f"{n},claim {n},{RIGHT if n % 3 else 'Other.'},{'Supports' if n % 3 else 'Neutral'}" for n in range(N)]
    (healthver / "healthver_dev.csv").write_text("\n".join(["id,claim,evidence,label", *rows]) + "\n")
    return root


ONLY = ("climate", "healthver stance")


def run(data, tmp_path, chosen, *, write=False, **options):
    today = regress.measure_all(data, chosen, tmp_path, only=ONLY, **options)
    return regress.report(today, chosen.precision, tmp_path / "regress.json", write=write)


def test_equal_figures_pass_and_drops_are_named(data, tmp_path, capsys):
    assert run(data, tmp_path, models(), write=True) == 0
    assert "regress.json has no figures for 'bf16' (it has: none); nothing was compared" in capsys.readouterr().out
    assert run(data, tmp_path, models()) == 0
    assert "fell" not in capsys.readouterr().out
    assert run(data, tmp_path, models(logit=-5.0, stance=(0, 1, 0))) == 1
    printed = capsys.readouterr().out
    fallen = [line.partition(",")[0] for line in printed.splitlines() if line.startswith("fell")]
    # BM25, dense and fused are the same as before.
    assert fallen == [
        "fell: climate reranked nDCG@10",
        "fell: climate reranked R@5",
        "fell: healthver stance accuracy",
        "fell: healthver stance macro-F1",
    ]
    assert printed.count("FELL") == 4
    # Better figures are no failure.
    assert run(data, tmp_path, models(logit=-5.0), write=True) == 1
    assert run(data, tmp_path, models()) == 0


def test_precisions_are_compared_with_their_own_figures_and_kept(data, tmp_path, capsys):
    assert run(data, tmp_path, models(), write=True) == 0
    capsys.readouterr()
    worse = models(logit=-5.0, precision="int8")
    assert run(data, tmp_path, worse, write=True) == 0
    assert "has no figures for 'int8' (it has: 'bf16'); nothing was compared" in capsys.readouterr().out
    assert list(regress.read_stored(tmp_path / "regress.json")) == ["bf16", "int8"]
    assert run(data, tmp_path, worse) == 0
    assert run(data, tmp_path, models()) == 0


def test_models_of_several_precisions_are_kept_apart_from_models_of_one():
    several = regress.Models(RunsIn(FakeEncoder(), "int8"), RunsIn(FakeReranker(), "bf16"), FakeStance())
    assert several.precision == "bf16, int8"
    assert regress.Models(FakeEncoder(), FakeReranker(), FakeStance()).precision == "by hand"


def test_an_index_is_built_once_or_given(data, tmp_path):
    first, second, third = models(), models(), models()
    run(data, tmp_path, first)
    assert len(first.encoder.calls) == 1
    run(data, tmp_path, second)
    assert second.encoder.calls == []
    build_index([str(data / "climate" / "corpus.jsonl")], tmp_path / "ready", FakeEncoder())
    (tmp_path / "empty").mkdir()
    run(data, tmp_path / "empty", third, index_dir=tmp_path / "ready")
    assert third.encoder.calls == []
    assert not list((tmp_path / "empty").glob("index-*"))


def test_a_missing_file_is_reported_before_anything_is_computed(data, tmp_path):
    chosen = models()
    with pytest.raises(InputError, match=r"scifact: is a folder without claims_dev\.jsonl"):
        regress.measure_all(data, chosen, tmp_path, only=["climate", "scifact-abstracts"])
    assert chosen.encoder.calls == []


def measured(values, claims=None, figure="nDCG@10"):
    row = np.array(values, dtype=float)
    names = tuple(f"c{n}" for n in range(len(values))) if claims is None else tuple(claims)
    return Measured(names, {figure: Interval(float(row.mean()), np.nan, np.nan)}, {figure: row})


def test_an_insignificant_drop_is_not_a_fall():
    (change,) = regress.compare({"set": measured([1.0, 1.0, 1.0, 0.5])}, {"set": measured([0.0, 1.0, 1.0, 0.5])})
    assert (change.test.lost, change.p, change.fell) == (1, 1.0, False)
    (change,) = regress.compare({"set": measured([1.0] * 8)}, {"set": measured([0.0] * 8)})
    assert (change.p, change.fell) == (2 / 2**8, True)


def test_p_is_corrected_for_all_figures_of_all_sets():
    before, after = measured([1.0] * 6), measured([0.0] * 6)
    (alone,) = regress.compare({"a": before}, {"a": after})
    assert (alone.p, alone.fell) == (2 / 2**6, True)
    both = regress.compare({"a": before, "b": before}, {"a": after, "b": after})
    assert [(change.p, change.fell) for change in both] == [(4 / 2**6, False)] * 2


def test_only_claims_on_both_sides_are_compared_by_their_ids():
    before = measured([1.0, 0.2, 0.4], ["x", "y", "z"])
    (change,) = regress.compare({"set": before}, {"set": measured([0.4, 1.0, 0.9], ["z", "x", "new"])})
    assert (change.test.won, change.test.lost, change.test.tied) == (0, 0, 2)
    (change,) = regress.compare({"set": before}, {"set": measured([0.0], ["other"])})
    assert (change.test, change.fell) == (None, False)


def test_a_stored_figure_that_is_not_measured_is_named(tmp_path, capsys):
    path = tmp_path / "regress.json"
    regress.write_stored({"bf16": {"set": measured([1.0, 0.0])}}, path)
    assert regress.report({"set": measured([1.0, 0.0], figure="R@5")}, "bf16", path) == 0
    assert "set: stored, but not measured today: nDCG@10" in capsys.readouterr().out


def test_stored_figures_are_ids_and_numbers_and_read_back(data, tmp_path):
    today = regress.measure_all(data, models(), tmp_path, only=ONLY)
    regress.write_stored({"bf16": today}, tmp_path / "regress.json")
    content = (tmp_path / "regress.json").read_text()
    assert "ice" not in content
    back = regress.read_stored(tmp_path / "regress.json")["bf16"]
    assert list(back) == list(today)
    for name, one in today.items():
        assert back[name].claims == one.claims
        assert {figure: row.tolist() for figure, row in back[name].values.items()} == {
            figure: row.tolist() for figure, row in one.values.items()
        }
        assert back[name].means["accuracy" if "stance" in name else "fused R@5"] == pytest.approx(
            one.means["accuracy" if "stance" in name else "fused R@5"], abs=5e-5, nan_ok=True
        )


def test_the_accuracy_of_a_claim_with_one_pair_is_0_or_1():
    pairs = [StancePair(str(n), f"claim {n}", text, "SUPPORTS") for n, text in enumerate(("yes", "no", "yes", "yes"))]
    found = regress.measure_stance(StanceSet("toy", pairs), FakeStance({"yes": (1, 0, 0)}))
    assert found.values["accuracy"].tolist() == [1.0, 0.0, 1.0, 1.0]
    assert found.means["accuracy"].mean == 0.75


def test_claim_values_of_macro_f1_are_their_contributions():
    # Right, right, wrong: F1 of SUPPORTS is 2/3, of REFUTES 2/3. Without the last SUPPORTS and REFUTES are both right.
    pairs = [
        StancePair("a", "claim a", "yes", "SUPPORTS"),
        StancePair("b", "claim b", "no", "REFUTES"),
        StancePair("c", "claim c", "yes", "REFUTES"),
    ]
    found = regress.measure_stance(StanceSet("toy", pairs), FakeStance({"yes": (1, 0, 0), "no": (0, 1, 0)}))
    assert found.means["macro-F1"].mean == pytest.approx(2 / 3)
    # 3 x 2/3 less 2 x the figure without the claim: (0 + 2/3) / 2, (2/3 + 0) / 2 and 1.
    assert found.values["macro-F1"] == pytest.approx([2 - 2 / 3, 2 - 2 / 3, 0.0], abs=1e-4)
