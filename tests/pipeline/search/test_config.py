"""Settings as a file: what is written is read, and what is wrong is named."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import InputError
from claimhound.pipeline.search.config import PipelineConfig, read_config, write_config

configs = st.builds(
    PipelineConfig,
    first_stage_k=st.integers(1, 10_000),
    rerank_k=st.integers(1, 10_000),
    fusion=st.sampled_from(["reciprocal-rank", "min-max"]),
    rrf_k=st.integers(0, 1_000),
    bm25_weight=st.floats(0, 1),
    min_cosine=st.floats(-1, 1),
    probe_share=st.floats(0, 1, exclude_min=True),
    adaptive_share=st.floats(0, 1, exclude_min=True),
    min_stance=st.floats(0, 1),
    min_relevance=st.floats(0, 1),
)


@given(configs, st.text())
def test_what_is_written_is_read(tmp_path_factory, config, note):
    path = tmp_path_factory.mktemp("config") / "config.json"
    write_config(config, path, note=note)
    assert read_config(path) == config


def test_a_file_names_every_setting_after_its_note(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    write_config(PipelineConfig(rrf_k=10), path, note="Tried by hand.")
    found = json.loads(path.read_text())
    assert list(found) == ["note", *(field.name for field in fields(PipelineConfig))]
    assert found == {"note": "Tried by hand."} | asdict(PipelineConfig(rrf_k=10))
    assert [item.name for item in tmp_path.iterdir()] == ["config.json"]
    write_config(PipelineConfig(), path)
    assert "note" not in json.loads(path.read_text())


def test_what_a_file_does_not_name_is_as_by_default_and_a_whole_number_is_a_number(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('\ufeff{"bm25_weight": 1, "rerank_k": 20}', encoding="utf-8")
    config = read_config(path)
    assert config == PipelineConfig(bm25_weight=1.0, rerank_k=20)
    assert isinstance(config.bm25_weight, float)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"rrf": 10}',
            "unknown field 'rrf'; the fields are first_stage_k, rerank_k, fusion, rrf_k, bm25_weight, title_weight, "
            "min_cosine, probe_share, adaptive_share, min_stance, min_relevance and note",
        ),
        ('{"rrf_k": 10.5}', "field 'rrf_k' must be a whole number, got 10.5"),
        ('{"rrf_k": "10"}', "field 'rrf_k' must be a whole number, got \"10\""),
        ('{"rerank_k": true}', "field 'rerank_k' must be a whole number, got true"),
        ('{"bm25_weight": null}', "field 'bm25_weight' must be a number, got null"),
        ('{"fusion": 1}', "field 'fusion' must be a string, got 1"),
        ('{"fusion": "mean"}', "fusion must be one of reciprocal-rank, min-max, got 'mean'"),
        ('{"bm25_weight": 1.5}', "bm25_weight must be in [0, 1], got 1.5"),
        ('{"min_cosine": NaN}', "min_cosine must be in [-1, 1], got nan"),
        ('{"note": 1}', "field 'note' must be a string"),
        ("[]", "is not a JSON object of settings"),
        ("{", "is not valid JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))"),
    ],
)
def test_what_cannot_be_used_is_named_with_file_and_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert str(caught.value) == f"{path}: {message}"


def test_a_file_that_is_not_there_or_no_text_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "missing.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not valid JSON"):
        read_config(tmp_path / "binary")
