"""Unclosed quotes lose few lines, and quoted cells with closed quotes are read as they are."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import RecordError
from claimhound.data.formats.csv_rows import ROW_LIKE_CELLS
from claimhound.data.notices import Notices
from claimhound.data.readers.documents import read_documents


def lines_of(n: int) -> list[str]:
    return [f"{number},Bridge {number} was opened" for number in range(1, n + 1)]


def write(folder: Path, lines: list[str], header: str = "id,text") -> Path:
    path = folder / "a.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8", newline="")
    return path


def read(path: Path) -> tuple[dict[str, str], list[str], Notices]:
    skipped: list[RecordError] = []
    notices = Notices()
    documents = {d.doc_id: d.text for d in read_documents([path], on_error="skip", skipped=skipped, notices=notices)}
    return documents, [str(error).removeprefix(f"{path}:") for error in skipped], notices


def test_an_unclosed_quote_loses_only_its_own_line(tmp_path: Path) -> None:
    lines = lines_of(500)
    lines[9] = '10,"Bridge 10 was opened'
    documents, bad, _ = read(write(tmp_path, lines))
    assert list(documents) == [str(n) for n in range(1, 501) if n != 10]
    assert documents["11"] == "Bridge 11 was opened"
    assert bad == ["11: not valid CSV: a quote is opened and never closed"]


def test_the_error_names_the_line_of_the_opening_quote(tmp_path: Path) -> None:
    lines = [*lines_of(3), '4,"two', 'lines","opened', "5,x,y"]
    path = write(tmp_path, [f"{line},n" if n < 3 else line for n, line in enumerate(lines)], "id,text,note")
    with pytest.raises(RecordError) as caught:
        list(read_documents([path]))
    assert str(caught.value) == (
        f"{path}:6: not valid CSV: a quote is opened and never closed; the row begins in line 5"
    )


def test_every_lost_line_after_the_quote_is_named(tmp_path: Path) -> None:
    lines = [*lines_of(4), '5,"Bridge 5 was', "which nobody knew, until", "it fell", "6,Bridge 6 was opened"]
    documents, bad, _ = read(write(tmp_path, lines))
    assert list(documents) == ["1", "2", "3", "4", "6"]
    assert bad == [
        "6: not valid CSV: a quote is opened and never closed",
        "7: not a whole row (no id like those above), after the fault in line 6",
        "8: not a whole row (1 cells where the header has 2), after the fault in line 6",
    ]


@pytest.mark.parametrize("closing", ['12,Bridge 12 was"', '300,Bridge 300 was"', '300,"Bridge 300 was'])
@pytest.mark.parametrize("opening", [1, 10])
def test_two_stray_quotes_do_not_join_the_rows_between_them(tmp_path: Path, opening: int, closing: str) -> None:
    lines = lines_of(400)
    lines[opening - 1] = f'{opening},"Bridge {opening} was opened'
    lines[int(closing.split(",", maxsplit=1)[0]) - 1] = closing
    documents, bad, _ = read(write(tmp_path, lines))
    assert len(documents) + len(bad) == 400
    assert bad[0].startswith(f"{opening + 1}: not valid CSV: a quote is opened")
    assert len(bad) == (2 if '"Bridge' in closing else 1)
    assert max(map(len, documents.values())) < 40


def test_stray_quotes_in_many_rows_lose_only_these_rows(tmp_path: Path) -> None:
    lines = [line.replace(",", ',"') if n % 10 == 0 else line for n, line in enumerate(lines_of(2_000))]
    documents, bad, _ = read(write(tmp_path, lines))
    assert (len(documents), len(bad)) == (1_800, 200)


def test_rows_swallowed_into_one_of_another_width_are_read_again(tmp_path: Path) -> None:
    lines = [f"{line},x" for line in lines_of(30)]
    lines[9] = '10,"Bridge 10,x'
    lines[19] = '20,Bridge 20",x'
    lines[24] = '25,Bridge 25,"x, y, z"'
    documents, bad, _ = read(write(tmp_path, lines, "id,text,note"))
    assert list(documents) == [str(n) for n in range(1, 31) if n != 10]
    assert len(bad) == 1


def test_a_quoted_cell_may_contain_lines_that_look_like_rows(tmp_path: Path) -> None:
    table = "Costs:\n1,forty\n2,fifty\n\n3,sixty"
    mail = "Dear all,\n\nthe bridge, which we\n11,inspected, is safe"
    code = "first\n11,Bridge 11\n12,Bridge 12"
    lines = [*lines_of(9), f'10,"{table}"', "11,b", f'12,"{mail}"', f'13,"{code}"', "14,c"]
    documents, bad, notices = read(write(tmp_path, lines))
    assert bad == []
    assert (documents["10"], documents["12"], documents["13"]) == (table, mail, code)
    assert notices.counted(ROW_LIKE_CELLS) >= 1


def test_a_cell_of_a_thousand_lines_of_prose_is_one_cell(tmp_path: Path) -> None:
    text = "\n".join(f"line {n}, and so on" for n in range(1_000))
    documents, bad, _ = read(write(tmp_path, [*lines_of(5), f'6,"{text}"', "7,b"]))
    assert bad == []
    assert documents["6"] == text


def test_a_file_with_one_column_recovers_after_a_stray_quote(tmp_path: Path) -> None:
    documents, bad, _ = read(write(tmp_path, ["one", '"two', "three", "four"], "text"))
    assert list(documents.values()) == ["one", "three", "four"]
    assert bad == ["3: not valid CSV: a quote is opened and never closed"]


prose = st.text(st.sampled_from('ab ,"\n;'), max_size=30).map(lambda text: f"x{text}x")


@given(texts=st.lists(prose, min_size=1, max_size=8))
def test_files_of_the_csv_module_are_read_as_it_reads_them(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(["id", "text", "note"])
    writer.writerows((f"d{n}", text, "n") for n, text in enumerate(texts))
    path = tmp_path_factory.mktemp("prose") / "a.csv"
    path.write_text(written.getvalue(), newline="")
    documents, bad, _ = read(path)
    assert bad == []
    assert list(documents.values()) == texts
