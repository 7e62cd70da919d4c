"""The searched text of claims as posted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.hashtags import split_hashtag
from claimhound.data.text.normal_text import normalize_text


@pytest.mark.parametrize(
    ("claim", "searched"),
    [
        ("#SeaLevel rose https://t.co/aB3 @someone", "Sea Level rose someone"),
        ("RT @desk: #SeaLevel is fake!!! https://t.co/a https://t.co/b", "Sea Level is fake!!!"),
        ("RT @a RT @b: Ice melts", "Ice melts"),
        ("QT: @a: Ice melts", "Ice melts"),
        ("Ice melts (https://news.example/a?b=c#d) fast", "Ice melts fast"),
        ("Ice melts http://t.co/…", "Ice melts"),
        ("Ice melts https…", "Ice melts"),
        ("See www.news.example/ice: ice melts", "See ice melts"),
        ("Ice melts pic.twitter.com/Ab1", "Ice melts"),
        ("Ice melts, youtu.be/Ab1 says", "Ice melts, says"),
        ("HTTPS://T.CO/AB Ice", "Ice"),
        ("hxxps://bad.example/x Ice", "Ice"),
        ("[Ice melts](https://news.example)", "[Ice melts]"),
        ("@realJaneDoe lied", "real Jane Doe lied"),
        ("Says .@NASAClimate", "Says NASA Climate"),
        ("AT&amp;T &amp;amp; others&#39; &lt;5&nbsp;years", "AT&T & others' <5 years"),
        ("Ice melts 🔥🔥 ❤️ 👩‍🚀 🇺🇸 👍🏽", "Ice melts"),
        ("Ice 🔥 melts", "Ice melts"),
        ("1️⃣ Ice", "1 Ice"),
        ("vac\u200bcine\u00ad s\ufe0fafe\u2060", "vaccine safe"),
        ("𝐕𝐚𝐜𝐜𝐢𝐧𝐞 ｗｏｒｋｓ", "Vaccine works"),
        ("#気候変動 は", "気候変動 は"),
        ("＃ClimateAction now", "Climate Action now"),
        ("#تغير_المناخ", "تغير المناخ"),
    ],
)
def test_links_and_markup_are_removed_and_words_stay(claim: str, searched: str) -> None:
    assert searched_text(claim) == searched


@pytest.mark.parametrize(
    "claim",
    [
        "Ice melts,  twice  as fast.",
        "The #1 killer is C# & R&D; 5 < 6 km/h",
        "Amazon.com said and/or U.S./Canada, 1.5/2",
        "a.reader@mail.example wrote",
        "1.5 °C, CO₂ and ½ of it — “so” © 2020",
        "می‌خواهد",
        "क्‍ष",
        "ICE MELTS",
        "RTÉ reported it",
        "https://t.co/only",
        "🔥",
        "\u200b",
        "…",
        "",
        " ",
    ],
)
def test_prose_and_claims_without_words_are_searched_unchanged(claim: str) -> None:
    assert searched_text(claim) == claim


@given(
    st.text()
    | st.lists(st.sampled_from(["#", "@", "Ab", "RT ", "https://t.co/", "&amp;", " ", "🔥", "ab"])).map("".join)
)
def test_no_claim_becomes_blank(claim: str) -> None:
    assert bool(searched_text(claim).strip()) == bool(claim.strip())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ClimateChange", "Climate Change"),
        ("ClimateChange2021", "Climate Change 2021"),
        ("climatechange", "climatechange"),
        ("MeToo", "Me Too"),
        ("NASAClimate", "NASA Climate"),
        ("USElection2020", "US Election 2020"),
        ("2020Election", "2020 Election"),
        ("COVID19", "COVID19"),
        ("Covid19", "Covid 19"),
        ("COP26", "COP26"),
        ("COP26Glasgow", "COP26 Glasgow"),
        ("H5N1", "H5N1"),
        ("mp3", "mp3"),
        ("NGOs", "NGOs"),
        ("iPhone", "iPhone"),
        ("McCain", "McCain"),
        ("sea_level", "sea level"),
        ("ÉtatsUnis", "États Unis"),
        ("_", ""),
    ],
)
def test_a_hashtag_is_split_where_its_words_begin(name: str, words: str) -> None:
    assert split_hashtag(name) == words.split()


def test_invisible_differences_between_copies_do_not_count() -> None:
    assert (
        normalize_text("vac\u200bcine\ufe0f, “s\u00adafe”\u202c") == normalize_text("Vaccine - safe") == "vaccine safe"
    )
