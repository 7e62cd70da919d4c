"""Pairs made by rule: what each rule makes of a sentence, what gives nothing, the balance and the drawing."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.counterfactuals import KINDS, counterfactual_pairs, reword
from claimhound.data.labelled_sets.drawn_sentences import draw_sentences
from claimhound.data.labelled_sets.stance_sources import StanceSource, read_stance_source
from claimhound.data.records import Document
from claimhound.data.rewording.negation import denials
from claimhound.data.rewording.numbers import other_numbers, same_numbers
from claimhound.data.rewording.opposites import denied_opposites, turned
from claimhound.data.rewording.plain_sentences import plain_sentence
from claimhound.data.rewording.roles import exchanged
from claimhound.data.rewording.shortening import shortened
from claimhound.data.rewording.strength import stronger, weaker
from claimhound.data.rewording.topics import causal_leaps, with_predicate_of

SENTENCES = (
    "Sea ice is safe for polar bears in the winter, which lasts for 137 days.",
    "Smoking contributes to several diseases of the human heart and lungs.",
    "The vaccine was founded in 1955 and was used in 23.7% of the schools.",
    "Many glaciers are not larger than the lakes below them.",
    "Polio is one of the most dangerous diseases in the world.",
    "All vaccines are tested by doctors before the first use in children.",
    "Lightning may cause fires in dry forests during the hot summer.",
    "The moon (a satellite) is smaller than the planet that it circles.",
)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Sea ice is a cause of floods.", ["Sea ice is not a cause of floods."]),
        ("Ice was found near the pole.", ["Ice was not found near the pole.", "Ice was never found near the pole."]),
        (
            "Ice is used in cold drinks.",
            ["Ice is not used in cold drinks.", "Ice is no longer used in cold drinks."],
        ),
        ("Bats can see in the dark.", ["Bats cannot see in the dark."]),
        (
            "Milk contains fat and sugar.",
            ["Milk does not contain fat and sugar.", "Milk never contains fat and sugar."],
        ),
        ("The vaccine is not safe for children.", ["The vaccine is safe for children."]),
        ("Milk does not contain fat and sugar.", ["Milk contains fat and sugar."]),
        ("The old treaty is no longer valid in France.", ["The old treaty is valid in France."]),
        ("Bats cannot see in the dark.", ["Bats can see in the dark."]),
        ("Some birds are black.", []),  # some are, and some are not
        ("The vaccine is not only safe for children.", []),
        ("Ice is used because it is cold.", []),  # the negation might deny the reason alone
        ("Birds that are black can fly.", []),
    ],
)
def test_a_negation_is_put_in_or_taken_out(sentence, expected):
    assert list(denials(sentence)) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The vaccine is safe for children.", ["The vaccine is dangerous for children."]),
        ("The sea level increased from the 1990s to 2000.", ["The sea level decreased from the 1990s to 2000."]),
        ("Iron is heavier than water.", ["Iron is lighter than water."]),
        ("The city lies north of the river.", ["The city lies south of the river."]),
        ("The law led to an increase in crime.", ["The law led to a decrease in crime."]),
        ("The city was founded before the war.", ["The city was founded after the war."]),
        ("Warm air rises if the ground is hot.", []),  # a condition
        ("Prices may be higher than before.", []),  # both may be so
        ("Some prices increased last year.", []),
        ("The vaccine is not safe for children.", []),
    ],
)
def test_a_word_of_direction_is_turned(sentence, expected):
    assert list(turned(sentence)) == expected


def test_the_opposite_is_denied():
    assert list(denied_opposites("The vaccine is safe for children.")) == ["The vaccine is not dangerous for children."]
    assert list(denied_opposites("The moon is the largest satellite.")) == []


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The virus causes the disease.", ["The disease causes the virus."]),
        ("The Earth is larger than the moon.", ["The moon is larger than the Earth."]),
        ("The army defeated the rebels in the north.", []),  # one side is plural
        ("The army defeated the navy in the north.", ["The navy defeated the army in the north."]),
        ("The virus resembles the bacterium.", []),  # holds both ways
        ("Berlin defeated the navy.", []),  # inside a sentence, the first word may be written small or not
    ],
)
def test_both_sides_are_exchanged(sentence, expected):
    assert list(exchanged(sentence)) == expected


def test_a_number_becomes_clearly_another_one():
    year = next(other_numbers("The club was founded in 1955.", random.Random(1)))
    assert year != "The club was founded in 1955."
    assert abs(int(year[-5:-1]) - 1955) >= 4
    made = list(other_numbers("The war lasted for 30 years.", random.Random(1)))
    assert "The war lasted for 30 days." in made
    assert list(other_numbers("The war cost more than 30 lives.", random.Random(1))) == []  # 60 is more than 30, too
    assert list(other_numbers("Figure 30 lives here.", random.Random(1))) == []


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The city has three bridges.", ["The city has 3 bridges."]),
        ("The city has 7 bridges.", ["The city has seven bridges."]),
        (
            "The city has 1,238 bridges.",
            ["about 1,200", "more than 1,200", "fewer than 1,300"],
        ),
        ("The tax takes 23.7% of wages.", ["23.7 percent", "about 24%", "more than 23%", "less than 24%"]),
        ("The city has more than 1,238 bridges.", []),
        ("The city was built with 1998 in mind.", []),  # may be a year
    ],
)
def test_a_number_is_rounded_or_written_in_another_way(sentence, expected):
    made = list(same_numbers(sentence))
    assert len(made) == len(expected)
    assert all(part in claim for part, claim in zip(expected, made, strict=True))


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Smoke contributes to asthma.", "Smoke is the main cause of asthma."),
        ("Lyon is a city in France.", "Lyon is the only city in France."),
        ("Coffee is associated with cancer.", "Coffee causes cancer."),
        ("Storms may destroy the bridge.", "Storms will destroy the bridge."),
        ("Many birds can fly.", "All birds can fly."),
        ("The film is partly based on letters.", "The film is entirely based on letters."),
        ("Lyon is one of the largest cities in France.", "Lyon is the largest city in France."),
        ("Lyon is one of the largest cities in France.", "Lyon is not the largest city in France."),
    ],
)
def test_a_stronger_claim_is_left_open(sentence, expected):
    assert expected in [claim for seed in range(8) for claim in stronger(sentence, random.Random(seed))]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Smoking causes cancer.", "Smoking can cause cancer."),
        ("All birds have two wings.", "Many birds have two wings."),
        ("Ozone is the main cause of smog.", "Ozone is a cause of smog."),
        ("Lyon is the largest city in France.", "Lyon is one of the largest cities in France."),
        ("Bees are very useful to farmers.", "Bees are useful to farmers."),
    ],
)
def test_a_weaker_claim_follows(sentence, expected):
    assert expected in list(weaker(sentence))


def test_a_denied_sentence_is_made_neither_stronger_nor_weaker():
    assert list(stronger("Smoke may not cause asthma.", random.Random(1))) == []
    assert list(weaker("Ozone is not always a cause of smog.")) == []


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("According to NASA, the moon is very cold.", [("The moon is very cold.", False)]),
        ("In 1998, the moon was visited by two probes.", [("The moon was visited by two probes.", True)]),
        ("The moon (a satellite) is cold and dry.", [("The moon is cold and dry.", False)]),
        ("The moon is cold and dry, which surprises few.", [("The moon is cold and dry.", True)]),
        ("If the moon is cold and dry, which is so, ice forms.", []),
    ],
)
def test_a_part_is_left_out(sentence, expected):
    assert list(shortened(sentence)) == expected


def test_things_named_together_do_not_cause_each_other():
    assert "Smoking causes obesity." in list(causal_leaps("Smoking and obesity are studied by doctors."))
    assert list(causal_leaps("Smoking and obesity are causes of heart disease.")) == []


def test_a_subject_gets_what_another_sentence_says():
    first, second = "The moon is a cold and dry place.", "The treaty is signed by seventeen European countries."
    assert list(with_predicate_of(first, second)) == ["The moon is signed by seventeen European countries."]
    assert list(with_predicate_of(first, "The moons are far away from seventeen countries.")) == []


@pytest.mark.parametrize(
    "text",
    [
        "Too short to use.",
        "which shows the pattern of the American economy since 1955.",
        "Is the sea level of the world rising at present?",
        "They were the first to see the animals of Africa.",
        "We show that the sea level of the world is rising.",
        "A long walk through the green hills of Wales.",
        "The sea " + "and the land " * 15 + "are rising.",
    ],
)
def test_fragments_questions_and_sentences_that_lean_on_others_give_nothing(text):
    assert plain_sentence(text) is None
    assert counterfactual_pairs([Document("d", text)], None, 1) == []


def test_references_and_an_opening_connective_are_left_out():
    text = "However, the sea level  of the world is rising[12] (Smith et al., 2016)."
    assert plain_sentence(text) == "The sea level of the world is rising."
    assert plain_sentence("RESULTS The sea level of the world is rising.") == "The sea level of the world is rising."


def documents(n):
    for number in range(n):
        yield Document(f"d{number}", SENTENCES[number % len(SENTENCES)].replace("the", f"the {'x' * (number + 1)}", 1))


def test_labels_come_out_equally_often_and_a_pair_names_its_kind_and_sentence():
    pairs = counterfactual_pairs(documents(80), None, 1)
    counts = Counter(pair.stance for pair in pairs)
    assert len(counts) == 3
    assert len(set(counts.values())) == 1
    assert {pair.pair_id.partition(":")[2] for pair in pairs} <= set(KINDS)
    assert all(pair.group in (plain_sentence(document.text) for document in documents(80)) for pair in pairs)


def test_the_seed_decides_everything():
    first = counterfactual_pairs(documents(60), 30, 1)
    assert first == counterfactual_pairs(documents(60), 30, 1)
    assert first != counterfactual_pairs(documents(60), 30, 2)


@given(st.integers(1, 30), st.integers(0, 5))
def test_the_drawn_sentences_are_different_and_in_order(limit, seed):
    drawn = draw_sentences(documents(20), limit, seed)
    assert len(drawn) == len({sentence.text for sentence in drawn}) == min(limit, 20)
    assert [sentence.number for sentence in drawn] == sorted(sentence.number for sentence in drawn)


def test_documents_are_read_one_after_the_other():
    alive = Counter()

    class Text(str):
        __slots__ = ()

        def __new__(cls, text):
            alive["most"] = max(alive["most"], alive["now"])
            alive["now"] += 1
            return super().__new__(cls, text)

        def __del__(self):
            alive["now"] -= 1

    stream = (Document(document.doc_id, Text(document.text)) for document in documents(200))
    assert len(draw_sentences(stream, 5, 1)) == 5
    assert alive["most"] < 10


@given(st.sampled_from(SENTENCES), st.integers(0, 200))
def test_every_claim_is_a_whole_sentence_that_differs_from_its_evidence(text, seed):
    for pair in reword(text, random.Random(seed)):
        assert pair.claim != pair.evidence
        for part in (pair.claim, pair.evidence):
            assert part[0].isupper()
            assert part.endswith(".")
            assert "  " not in part
        assert text in (pair.claim, pair.evidence)


def test_a_source_reads_documents_and_is_trained_on_whatever_its_name(tmp_path):
    path = tmp_path / "dev.jsonl"
    lines = (json.dumps({"_id": one.doc_id, "text": one.text}) + "\n" for one in islice(documents(80), 80))
    path.write_text("".join(lines))
    source = StanceSource.parse(f"counterfactual:{path}@60")
    source.require_trainable()
    train, dev = (read_stance_source(source, part).pairs for part in ("train", "dev"))
    assert train
    assert dev
    assert not {pair.group for pair in train} & {pair.group for pair in dev}
    assert len({pair.group for pair in [*train, *dev]}) <= 60
    assert read_stance_source(source, "train").pairs == train


def test_a_source_without_a_plain_sentence_is_refused(tmp_path):
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"_id": "1", "text": "Nothing."}\n')
    with pytest.raises(InputError, match="contains no pair of claim and evidence"):
        read_stance_source(StanceSource("counterfactual", path), "train")


@pytest.mark.shared
def test_a_real_corpus_gives_all_labels_equally_often(shared_datasets):
    source = StanceSource("counterfactual", shared_datasets / "scifact" / "corpus.jsonl.xz", 300)
    pairs = [pair for part in ("train", "dev") for pair in read_stance_source(source, part).pairs]
    counts = Counter(pair.stance for pair in pairs)
    assert set(counts) == {"SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO"}
    assert len(set(counts.values())) == 1
    assert len({pair.group for pair in pairs}) <= 300
