"""Annotation jobs: what they write, what they reject, and that nothing is lost or done twice."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from annotation_fakes import LetterEncoder, build_index, n_bad, pipeline_of, write_claims

from claimhound.data.disk.journal import last_entry
from claimhound.data.errors import InputError
from claimhound.data.read_options import ReadOptions
from claimhound.data.records import Document, Query
from claimhound.indexes.conditions import Conditions
from claimhound.indexes.durable import Disk
from claimhound.pipeline.annotation.annotating import annotate
from claimhound.pipeline.annotation.folder import JobFiles
from claimhound.pipeline.annotation.intake import ClaimSource
from claimhound.pipeline.annotation.known import KnownClaims
from claimhound.pipeline.annotation.searching import AnnotationSettings, Searcher
from claimhound.pipeline.annotation.status import job_status
from claimhound.pipeline.search.answer_json import as_record

SMALL = AnnotationSettings(k=3, batch_size=4)
N = 60


@pytest.fixture(scope="module")
def index_dir(tmp_path_factory):
    return build_index(tmp_path_factory.mktemp("annotating") / "index")


@pytest.fixture
def claims(tmp_path):
    return write_claims(tmp_path / "claims.jsonl", N)


def run(index_dir, claims, output, settings=SMALL, **options):
    pipeline = options.pop("pipeline", None) or pipeline_of(index_dir)
    searcher = Searcher(pipeline, n_workers=options.pop("n_workers", None))
    source = claims if isinstance(claims, ClaimSource) else ClaimSource(str(claims))
    return annotate(source, output, lambda: searcher, settings, **options)


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def all_bytes(output):
    files = JobFiles(output)
    return output.read_bytes(), files.rejected.read_bytes()


def test_every_claim_has_what_a_search_finds_with_its_own_id_and_fields(index_dir, claims, tmp_path):
    output = tmp_path / "out.jsonl"
    report = run(index_dir, claims, output)
    assert (report.n_claims, report.n_bad, report.n_resumed) == (N - n_bad(N), n_bad(N), 0)
    pipeline = pipeline_of(index_dir)
    good = [json.loads(line) for line in claims.read_text().splitlines() if line != "{broken"]
    for record, claim in zip(records(output), good, strict=True):
        (answer,) = pipeline.find_evidence([claim["text"]], 3)
        expected = as_record(answer)
        del expected["timings_ms"]
        own = {"id": claim["id"], "claim": claim["text"], "fields": {"n": claim["n"], "party": claim["party"]}}
        assert record == own | expected
        assert list(record)[:5] == ["schema", "id", "claim", "fields", "evidence"]
        assert len(record["evidence"]) == 3


def test_bad_records_are_rejected_with_line_and_reason(index_dir, claims, tmp_path):
    report = run(index_dir, claims, tmp_path / "out.jsonl")
    assert report.rejected == tmp_path / "out.jsonl.rejected.jsonl"
    assert [record["line"] for record in records(report.rejected)] == [5, 15, 25, 35, 45, 55]
    assert {record["reason"] for record in records(report.rejected)} == {
        "not valid JSON, column 2: Expecting property name enclosed in double quotes"
    }


def test_every_kind_of_bad_record_is_reported_and_the_others_are_answered(index_dir, tmp_path):
    claims = tmp_path / "claims.jsonl"
    lines = [
        b'{"id": "1", "text": "  "}', b'{"id": "2", "text": 7}', b'{"id": "3"}', b'{"id": "4", "text": "\xff"}',
        b'{"id": "5", "text": "sea"}', b'{"id": "5", "text": "ice"}', b'["6"]',
        b'{"id": "7", "text": "' + b"x" * 10_001 + b'"}', b'{"id": "8", "text": "\\ud83d"}',
        b'{"id": "9", "text": "' + b"y" * 10_000 + b'"}',
    ]  # fmt: skip
    claims.write_bytes(b"\n".join(lines))
    output = tmp_path / "out.jsonl"
    report = run(index_dir, claims, output)
    assert [record["id"] for record in records(output)] == ["5", "9"]
    assert report.n_bad == 8
    assert [(record["line"], record["reason"].split(",")[0].split(";")[0]) for record in records(report.rejected)] == [
        (1, "the text in field 'text' is blank"),
        (2, "the text in field 'text' is a number"),
        (3, "missing field 'claim' (or claim_text"),
        (4, "not UTF-8: byte 0xff"),
        (6, "duplicate id '5'"),
        (7, "not a JSON object but a list"),
        (8, "the claim has 10"),
        (
            9,
            "the field 'text' contains half of a surrogate pair: an escape such as \\ud83d without its other half is "
            "not a character",
        ),
    ]


def test_without_bad_records_there_is_no_file_of_them(index_dir, tmp_path):
    claims, output = tmp_path / "claims.txt", tmp_path / "out.jsonl"
    claims.write_text("sea\nice\n")
    JobFiles(output).rejected.write_text("of an earlier job\n")
    report = run(index_dir, claims, output)
    assert report.rejected is None
    assert not JobFiles(output).rejected.exists()
    assert [record["id"] for record in records(output)] == ["claims:1", "claims:2"]


@pytest.mark.parametrize("n_workers", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_batches_and_workers_change_no_byte(index_dir, claims, tmp_path, n_workers, batch_size):
    run(index_dir, claims, tmp_path / "plain.jsonl")
    run(index_dir, claims, tmp_path / "other.jsonl", replace(SMALL, batch_size=batch_size), n_workers=n_workers)
    assert all_bytes(tmp_path / "other.jsonl") == all_bytes(tmp_path / "plain.jsonl")


def test_a_repeated_claim_is_searched_once_and_each_of_its_rows_has_its_record(index_dir, tmp_path):
    claims, output = tmp_path / "claims.jsonl", tmp_path / "out.jsonl"
    lines = [{"id": n, "text": f"sea level {n % 5}", "n": n} for n in range(200)]
    claims.write_text("".join(json.dumps(line) + "\n" for line in lines))
    pipeline = pipeline_of(index_dir)
    run(index_dir, claims, output, pipeline=pipeline, n_workers=1)
    assert sorted(pipeline.reranker.claims) == [f"sea level {n}" for n in range(5)]
    found = records(output)
    assert [(record["id"], record["claim"], record["fields"]) for record in found] == [
        (str(n), f"sea level {n % 5}", {"n": n}) for n in range(200)
    ]
    assert all(record["evidence"] == found[number % 5]["evidence"] for number, record in enumerate(found))


def test_a_limit_takes_the_first_claims(index_dir, claims, tmp_path):
    report = run(index_dir, ClaimSource(str(claims), limit=5), tmp_path / "out.jsonl")
    assert (report.n_claims, report.n_bad) == (5, 1)
    assert [record["id"] for record in records(tmp_path / "out.jsonl")] == ["c0", "c1", "c2", "c3", "c5"]


def test_known_claims_are_part_of_each_record(index_dir, tmp_path):
    claims, output = tmp_path / "claims.txt", tmp_path / "out.jsonl"
    claims.write_text("sea level rises\nsolar power\n")
    pipeline = pipeline_of(index_dir)
    known = KnownClaims([Query("k1", "solar power", {"verdict": "true"}), Query("k2", "ice sheet")], LetterEncoder())
    annotate(ClaimSource(str(claims)), output, lambda: Searcher(pipeline, known), replace(SMALL, n_known=1))
    first, second = records(output)
    assert [len(record["known"]) for record in (first, second)] == [1, 1]
    assert second["known"] == [{"id": "k1", "text": "solar power", "score": 1.0, "fields": {"verdict": "true"}}]
    with pytest.raises(InputError, match=r"known was \"[0-9a-f]{64}\", is null"):
        run(index_dir, claims, output, replace(SMALL, n_known=1))


def test_adaptive_and_lowest_scores_are_those_of_a_search(index_dir, claims, tmp_path):
    settings = replace(SMALL, k=8, adaptive=True, min_score=0.3)
    run(index_dir, claims, tmp_path / "out.jsonl", settings)
    pipeline = pipeline_of(index_dir)
    sizes = set()
    for record in records(tmp_path / "out.jsonl"):
        (answer,) = pipeline.find_evidence([record["claim"]], 8, adaptive=True, min_score=0.3)
        assert [hit["doc_id"] for hit in record["evidence"]] == [hit.document.doc_id for hit in answer.evidence]
        sizes.add(len(record["evidence"]))
    assert len(sizes) > 1


class DyingDisk(Disk):
    """Raises before the n-th change, from 0."""

    def __init__(self, n):
        self.left = n

    def before(self, operation, path):
        if self.left == 0:
            raise OSError(28, "No space left on device")
        self.left -= 1


def test_a_job_that_fails_before_any_change_resumes_to_the_same_bytes(index_dir, claims, quick_dir):
    run(index_dir, claims, quick_dir / "quiet.jsonl")
    n_resumed = []
    for n in range(1000):
        output = quick_dir / f"{n}.jsonl"
        disk = DyingDisk(n)
        try:
            run(index_dir, claims, output, disk=disk)
        except (InputError, OSError) as error:
            assert "No space left on device" in str(error)
            assert not output.exists() or output.read_bytes() == (quick_dir / "quiet.jsonl").read_bytes()
            n_resumed.append(run(index_dir, claims, output).n_resumed)
        assert all_bytes(output) == all_bytes(quick_dir / "quiet.jsonl")
        assert sorted(path.name for path in JobFiles(output).folder.iterdir()) == ["journal", "lock"]
        if disk.left > 0:
            break
    # Finished work is not repeated.
    assert n_resumed[0] == 0
    assert n_resumed == sorted(n_resumed)
    assert n_resumed[-1] == N


def test_a_journal_cut_off_at_any_byte_leads_to_the_same_bytes(index_dir, quick_dir):
    claims = write_claims(quick_dir / "claims.jsonl", 12)
    run(index_dir, claims, quick_dir / "quiet.jsonl")
    output = quick_dir / "out.jsonl"
    with pytest.raises(OSError, match="No space"):
        run(index_dir, claims, output, disk=DyingDisk(2))
    whole = JobFiles(output).journal.read_bytes()
    for length in range(0, len(whole), 97):
        JobFiles(output).journal.write_bytes(whole[:length])
        run(index_dir, claims, output)
        assert all_bytes(output) == all_bytes(quick_dir / "quiet.jsonl")
        output.unlink()


def test_a_finished_job_is_not_repeated(index_dir, claims, tmp_path):
    output = tmp_path / "out.jsonl"
    first = run(index_dir, claims, output)
    before = all_bytes(output)
    pipeline = pipeline_of(index_dir)
    again = run(index_dir, claims, output, pipeline=pipeline)
    assert again == replace(first, n_resumed=N)
    assert pipeline.reranker.claims == []
    assert all_bytes(output) == before
    output.unlink()
    run(index_dir, claims, output)
    assert all_bytes(output) == before


def test_a_file_of_another_job_is_kept_unless_fresh_is_set(index_dir, claims, tmp_path):
    output = tmp_path / "out.jsonl"
    output.write_text("notes\n")
    with pytest.raises(InputError, match=r"out.jsonl: already exists .* --fresh"):
        run(index_dir, claims, output)
    assert output.read_text() == "notes\n"
    run(index_dir, claims, output, fresh=True)
    made = output.read_bytes()
    with pytest.raises(InputError, match=r"output of a job with other settings \(settings.k was 3, is 4\)"):
        run(index_dir, claims, output, replace(SMALL, k=4))
    output.write_bytes(made + b"{}\n")
    with pytest.raises(InputError, match="changed after it was finished; overwrite it with --fresh"):
        run(index_dir, claims, output)
    run(index_dir, claims, output, replace(SMALL, k=4), fresh=True)
    assert output.read_bytes() != made


@pytest.mark.parametrize(
    ("change", "differing"),
    [
        ({"settings": replace(SMALL, k=4)}, "settings.k was 3, is 4"),
        ({"settings": replace(SMALL, batch_size=5)}, "settings.batch_size was 4, is 5"),
        ({"settings": replace(SMALL, output_format="csv")}, 'settings.output_format was "jsonl", is "csv"'),
        ({"source": "other"}, "claims.sha256 was "),
        ({"index": "other"}, "search.index was "),
        ({"weights": "c" * 64}, "search.reranker.weights_sha256 was "),
    ],
)
def test_two_jobs_are_not_mixed(index_dir, claims, tmp_path, change, differing):
    output = tmp_path / "out.jsonl"
    with pytest.raises(OSError, match="No space"):
        run(index_dir, claims, output, disk=DyingDisk(3))
    journal = JobFiles(output).journal.read_bytes()
    if "source" in change:
        claims.write_text(claims.read_text().replace('"n": 50', '"n": 500'))
    pipeline = pipeline_of(build_index(tmp_path / "copy") if "index" in change else index_dir)
    pipeline.reranker.weights_sha256 = change.get("weights", pipeline.reranker.weights_sha256)
    with pytest.raises(InputError, match="belongs to an unfinished job with other settings") as raised:
        run(index_dir, claims, output, change.get("settings", SMALL), pipeline=pipeline)
    assert differing in str(raised.value)
    assert JobFiles(output).journal.read_bytes() == journal
    run(index_dir, claims, output, fresh=True)
    assert output.exists()


def test_claims_that_change_while_they_are_read_are_an_error(index_dir, claims, tmp_path):
    changed = claims.read_text().replace('"n": 50', '"n": 500')

    def load():
        claims.write_text(changed)
        return Searcher(pipeline_of(index_dir))

    with pytest.raises(InputError, match="the claims changed while they were read"):
        annotate(ClaimSource(str(claims)), tmp_path / "out.jsonl", load, SMALL)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_source_without_a_claim_is_an_error_before_anything_is_loaded(index_dir, tmp_path):
    claims = tmp_path / "claims.jsonl"
    claims.write_text('{"words": "sea"}\n{"words": "ice"}\n')
    with pytest.raises(InputError, match=r"none of 2 records is a claim; the first: .*claims.jsonl:1: missing field"):
        annotate(ClaimSource(str(claims)), tmp_path / "out.jsonl", lambda: pytest.fail("loaded"), SMALL)
    with pytest.raises(InputError, match="no folder"):
        annotate(ClaimSource(str(claims)), tmp_path / "none" / "out.jsonl", lambda: pytest.fail("loaded"), SMALL)
    with pytest.raises(InputError, match="is a folder"):
        annotate(ClaimSource(str(claims)), tmp_path, lambda: pytest.fail("loaded"), SMALL)


def test_columns_of_a_table_without_a_header_can_be_named(index_dir, tmp_path):
    claims, output = tmp_path / "claims.tsv", tmp_path / "out.jsonl"
    claims.write_text('1.json\tfalse\tSays "sea" rises\n2.json\ttrue\tice\n3.json\ttrue\n')
    report = run(index_dir, ClaimSource(str(claims), ReadOptions(columns=("id", "label", "claim"))), output)
    assert [(r["id"], r["claim"], r["fields"]) for r in records(output)] == [
        ("1.json", 'Says "sea" rises', {"label": "false"}),
        ("2.json", "ice", {"label": "true"}),
    ]
    assert [r["reason"] for r in records(report.rejected)] == ["expected 3 cells, got 2; missing: claim"]
    with pytest.raises(InputError, match="not a CSV or TSV file"):
        run(index_dir, ClaimSource(str(output), ReadOptions(columns=("id",))), tmp_path / "other.jsonl")


def test_status_of_jobs_that_never_started_died_or_finished(index_dir, claims, tmp_path):
    output = tmp_path / "out.jsonl"
    with pytest.raises(InputError, match="no job was started here"):
        job_status(output)
    with pytest.raises(OSError, match="No space"):
        run(index_dir, claims, output, disk=DyingDisk(0))
    began = job_status(output)
    assert (began.state, began.done, began.total, began.left_s) == ("interrupted", 0, N, None)
    with pytest.raises(OSError, match="No space"):
        run(index_dir, claims, output, disk=DyingDisk(2))
    died = job_status(output)
    _, entry = last_entry(JobFiles(output).journal)
    assert (died.state, died.done, died.total) == ("interrupted", entry["done"], N)
    assert 0 < died.done < N
    with JobFiles(output).locked():
        assert job_status(output).state == "running"
    run(index_dir, claims, output)
    done = job_status(output)
    assert (done.state, done.done, done.total, done.n_bad) == ("finished", N, N, n_bad(N))


def test_a_second_process_on_the_same_output_is_refused(index_dir, claims, tmp_path):
    output = tmp_path / "out.jsonl"
    files = JobFiles(output)
    files.make_folder()
    with files.locked(), pytest.raises(InputError, match="another process is working on it"):
        run(index_dir, claims, output)
    with files.locked(), pytest.raises(InputError, match="the job has just started"):
        job_status(output)
    run(index_dir, claims, output)


def test_an_output_that_is_a_link_remains_a_link(index_dir, claims, tmp_path):
    (tmp_path / "disk").mkdir()
    output, link = tmp_path / "disk" / "out.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(output)
    run(index_dir, claims, link)
    assert link.is_symlink()
    assert len(records(output)) == N - n_bad(N)
    assert job_status(link).state == job_status(output).state == "finished"


def test_progress_starts_from_the_work_already_done(index_dir, claims, tmp_path):
    output, seen = tmp_path / "out.jsonl", []
    with pytest.raises(OSError, match="No space"):
        run(index_dir, claims, output, disk=DyingDisk(3))
    done = job_status(output).done
    run(index_dir, claims, output, on_progress=lambda *progress: seen.append(progress))
    assert seen[0][:3] == ("annotate", done, N)
    assert done > 0
    assert seen[-1] == ("annotate", N, N, f"{n_bad(N)} rejected")
    assert [progress[1] for progress in seen] == sorted(progress[1] for progress in seen)


def test_no_claim_gets_evidence_from_after_its_date(tmp_path):
    documents = [
        Document("d0", "sea level rises", date="2019-05-01"),
        Document("d1", "sea level rises in june", date="2020-06-30"),
        Document("d2", "sea level rises in july", date="2020-07-01"),
        Document("d3", "sea level rises again", date="2021-01-01", fields={"lang": "en"}),
        Document("d4", "sea level rises undated"),
    ]
    index_dir = build_index(tmp_path / "index", documents)
    claims, output = tmp_path / "claims.csv", tmp_path / "out.jsonl"
    rows = ["2020-07-01", "July 2020", "2020", "01.07.2020", "2030-01-01", "", "soon", "2020-07-01"]
    claims.write_text("id,claim,When\n" + "".join(f"{n},sea level,{day}\n" for n, day in enumerate(rows)))
    pipeline = pipeline_of(index_dir)
    source = ClaimSource(str(claims), ReadOptions(date_order="dmy"), before_field="when")
    report = run(index_dir, source, output, replace(SMALL, k=9), pipeline=pipeline, n_workers=1)
    found = {record["id"]: record for record in records(output)}
    assert [(name, record["before"]) for name, record in found.items()] == [
        ("0", "2020-07-01"), ("1", "2020-07-01"), ("2", "2020-01-01"),
        ("3", "2020-07-01"), ("4", "2030-01-01"), ("7", "2020-07-01"),
    ]  # fmt: skip
    ids = {name: sorted(hit["doc_id"] for hit in record["evidence"]) for name, record in found.items()}
    assert ids["0"] == ids["1"] == ids["3"] == ids["7"] == ["d0", "d1"]
    assert ids["2"] == ["d0"]
    assert ids["4"] == ["d0", "d1", "d2", "d3"]
    # One text with three dates makes three questions, and no more.
    assert pipeline.reranker.claims == ["sea level"] * 3
    assert [(record["line"], record["reason"]) for record in records(report.rejected)] == [
        (7, "the claim's date in field 'when' is missing"),
        (8, "the claim's date in field 'when' cannot be read: \"soon\""),
    ]
    for name, record in found.items():
        (answer,) = pipeline.find_evidence(["sea level"], 9, conditions=Conditions(record["before"]))
        assert record["evidence"] == as_record(answer)["evidence"], name


def test_the_earlier_of_the_job_s_and_the_claim_s_day_counts(tmp_path):
    documents = [
        Document(f"d{year}", f"sea level {year}", date=str(year), fields={"n": year % 2}) for year in range(2000, 2010)
    ]
    index_dir = build_index(tmp_path / "index", documents)
    claims, output = tmp_path / "claims.jsonl", tmp_path / "out.csv"
    claims.write_text('{"id": 1, "claim": "sea", "on": 2004}\n{"id": 2, "claim": "sea", "on": "2008-03-04"}\n')
    settings = replace(SMALL, k=20, before="2006", where=(("n", "0"),), output_format="csv")
    run(index_dir, ClaimSource(str(claims), before_field="on"), output, settings)
    rows = list(csv.DictReader(io.StringIO(output.read_text(encoding="utf-8-sig"))))
    assert {(row["id"], row["before"]) for row in rows} == {("1", "2004-01-01"), ("2", "2006-01-01")}
    assert sorted((row["id"], row["evidence_id"]) for row in rows) == [
        ("1", "d2000"), ("1", "d2002"), ("2", "d2000"), ("2", "d2002"), ("2", "d2004"),
    ]  # fmt: skip
    with pytest.raises(InputError, match=r'settings.before was "2006", is "2007"'):
        run(index_dir, ClaimSource(str(claims), before_field="on"), output, replace(settings, before="2007"))
    with pytest.raises(InputError, match=r'claims.before_field was "on", is null'):
        run(index_dir, claims, output, settings)


def test_a_claim_with_an_ambiguous_date_is_rejected_unless_the_order_is_given(index_dir, tmp_path):
    claims, output = tmp_path / "claims.csv", tmp_path / "out.jsonl"
    claims.write_text("id,claim,on\n1,sea,2020-01-02\n2,sea,03/04/2021\n")
    report = run(index_dir, ClaimSource(str(claims), before_field="on"), output)
    (bad,) = records(report.rejected)
    assert bad["reason"] == (
        "the claim's date in field 'on' is ambiguous: \"03/04/2021\"; choose its order with --date-order"
    )
    for order, day in (("dmy", "2021-04-03"), ("mdy", "2021-03-04")):
        source = ClaimSource(str(claims), ReadOptions(date_order=order), before_field="on")
        run(index_dir, source, tmp_path / f"{order}.jsonl")
        assert [record["before"] for record in records(tmp_path / f"{order}.jsonl")] == ["2020-01-02", day]
    source = ClaimSource(str(claims), ReadOptions(date_order="mdy"), before_field="on")
    with pytest.raises(InputError, match=r'claims.date_order was "dmy", is "mdy"'):
        run(index_dir, source, tmp_path / "dmy.jsonl")
    with pytest.raises(InputError, match=r"the first: .*claims.csv:2: missing field 'day'; the record has only on"):
        run(index_dir, ClaimSource(str(claims), before_field="day"), tmp_path / "none.jsonl")


def test_a_job_resumes_after_index_claims_and_output_were_moved(index_dir, tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    shutil.copytree(index_dir, here / "index")
    write_claims(here / "claims.jsonl", N)
    with (here / "claims.jsonl").open("a") as file:
        file.write('{"id": "c0", "text": "sea"}\n')
    with pytest.raises(OSError, match="No space"):
        run(here / "index", here / "claims.jsonl", here / "out.jsonl", disk=DyingDisk(4))
    n_done = job_status(here / "out.jsonl").done
    here.rename(there)
    assert job_status(there / "out.jsonl").done == n_done > 0
    monkeypatch.chdir(there)
    (there / "link").symlink_to("index")
    index, claims = Path("link"), Path("claims.jsonl")
    assert run(index, claims, Path("out.jsonl")).n_resumed == n_done
    run(index, claims, Path("quiet.jsonl"))
    assert all_bytes(Path("out.jsonl")) == all_bytes(Path("quiet.jsonl"))
    assert {record["index"]["path"] for record in records(Path("out.jsonl"))} == {"link"}
    assert {record["source"] for record in records(JobFiles(Path("out.jsonl")).rejected)} == {"claims.jsonl"}
    assert records(JobFiles(Path("out.jsonl")).rejected)[-1]["reason"] == "duplicate id 'c0', first seen at line 1"
    # A finished job is not repeated, even under another path.
    there.rename(here)
    done = run(here / "index", here / "claims.jsonl", here / "out.jsonl")
    assert done.n_resumed == done.n_claims + done.n_bad


def test_models_are_identified_by_content_and_not_by_path(index_dir, claims, tmp_path):
    output = tmp_path / "out.jsonl"
    with pytest.raises(OSError, match="No space"):
        run(index_dir, claims, output, disk=DyingDisk(3))
    pipeline = pipeline_of(index_dir)
    pipeline.reranker.name = "models/letters"
    run(index_dir, claims, output, pipeline=pipeline)
    assert {record["models"]["reranker"] for record in records(output)} == {"models/letters"}


def test_an_output_is_neither_a_stream_nor_a_file_that_is_read(index_dir, claims, tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "link.jsonl").symlink_to(claims)
    text = claims.read_bytes()
    for output in (Path("-"), Path("/dev/stdout"), Path("/dev/fd/1"), Path("/dev/null"), tmp_path / "pipe.jsonl"):
        with pytest.raises(InputError, match=r"is a stream, and a job .* needs a file: name one"):
            run(index_dir, claims, output, fresh=True)
    for output in (claims, tmp_path / "." / "claims.jsonl", tmp_path / "link.jsonl"):
        with pytest.raises(InputError, match="is read by this job"):
            run(index_dir, claims, output, fresh=True)
    rejected = tmp_path / "out.jsonl.rejected.jsonl"
    claims.rename(rejected)
    with pytest.raises(InputError, match=r"out.jsonl.rejected.jsonl: is read by this job"):
        run(index_dir, rejected, tmp_path / "out.jsonl")
    assert rejected.read_bytes() == text


def test_claims_in_a_pipe_are_read_once_and_annotated_as_those_of_a_file(index_dir, claims, tmp_path):
    run(index_dir, claims, tmp_path / "quiet.jsonl")
    (tmp_path / "pipe").mkdir()
    pipe = tmp_path / "pipe" / "claims.jsonl"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(claims.read_bytes()))
    writer.start()
    run(index_dir, pipe, tmp_path / "out.jsonl")
    writer.join()
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "quiet.jsonl").read_bytes()


def test_fields_with_the_names_of_our_columns_are_reported(index_dir, tmp_path):
    claims = tmp_path / "claims.jsonl"
    claims.write_text('{"id": 1, "text": "sea", "verdict": "x", "score": 3}\n')
    report = run(index_dir, claims, tmp_path / "out.csv", replace(SMALL, output_format="csv"))
    assert report.renamed == {"verdict": "field_verdict"}
    assert run(index_dir, claims, tmp_path / "out.csv", replace(SMALL, output_format="csv")).renamed == report.renamed
