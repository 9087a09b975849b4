"""relation_extraction: what its sentences say, how they are marked, and which labels are wrong."""

from __future__ import annotations

import re
import string

import numpy as np
import pytest
from mu_conformance.fixtures.relation_extraction import (
    HOLDOUT_ROWS,
    LENGTH,
    SLIPS,
    TRAIN_ROWS,
    UNKNOWN,
    VOCABULARY,
)
from mu_conformance.fixtures.relation_extraction.sentences import (
    LABELS,
    PARTNERS,
    TEMPLATES,
    UNSEEN_TEMPLATES,
    sentences,
    tokens,
)

from mu_conformance.tasks import registry

DRUGS = {*PARTNERS, *" ".join(PARTNERS.values()).split()}
BOTH = [(kind, said, text) for kind in (TEMPLATES, UNSEEN_TEMPLATES) for said in LABELS for text in kind[said]]


@pytest.fixture(scope="module")
def task():
    return registry.find_task("relation_extraction")


@pytest.fixture(scope="module")
def made():
    return sentences(300, TEMPLATES, np.random.RandomState(5))


def test_the_labels_are_those_of_ddi_2013_in_its_order():
    assert LABELS == ("mechanism", "effect", "advise", "int", "negative")
    assert tuple(TEMPLATES) == tuple(UNSEEN_TEMPLATES) == LABELS


@pytest.mark.parametrize(("kind", "said", "text"), BOTH)
class TestTemplates:
    def test_the_pair_is_named_once_in_order_and_another_drug_at_most_once(self, kind, said, text):
        slots = [slot for _, slot, _, _ in string.Formatter().parse(text) if slot]
        assert [slot for slot in slots if slot in "ab"] == ["a", "b"]
        assert slots.count("c") <= 1
        assert set(slots) <= {"a", "b", "c", "n", "may", "up", "down"}

    def test_no_template_has_two_labels_or_is_both_trained_on_and_unseen(self, kind, said, text):
        assert [other for _, _, other in BOTH].count(text) == 1


class TestSentences:
    def test_they_are_a_function_of_the_generator(self, made):
        assert sentences(300, TEMPLATES, np.random.RandomState(5)) == made
        assert sentences(300, TEMPLATES, np.random.RandomState(6)) != made

    def test_each_drug_is_first_as_often_as_any_other_and_with_every_label(self, made):
        # 10 drugs x 5 labels, 6 times round
        pairs = [(sentence.drug, sentence.label) for sentence in made]
        assert {pairs.count((drug, label)) for drug in PARTNERS for label in range(5)} == {6}

    def test_no_text_occurs_twice(self, made):
        assert len({sentence.text for sentence in made}) == 300

    def test_the_markers_stand_before_a_drug_and_one_of_its_partners(self, made):
        for sentence in made:
            marked = dict(re.findall(r"@(DRUG\d)\$ (\S+)", sentence.text))
            assert marked["DRUG1"] == sentence.drug
            assert marked["DRUG2"] in PARTNERS[sentence.drug].split()
            assert sentence.text.count("@DRUG") == 2

    def test_another_drug_in_the_sentence_is_neither_of_the_pair(self, made):
        with_others = 0
        for sentence in made:
            named = [word for word in sentence.text.split() if word in DRUGS]
            pair = re.findall(r"@DRUG\d\$ (\S+)", sentence.text)
            assert named.count(pair[0]) == named.count(pair[1]) == 1
            with_others += len(named) > 2
        assert with_others > 60

    def test_no_slot_is_left_open(self, made):
        assert not [sentence.text for sentence in made if set("{}") & set(sentence.text)]

    @pytest.mark.parametrize(
        "words",
        [{"interact"}, {"concentrations"}, {"monitored"}, {"bleeding"}, {"no", "not"}],
        ids=lambda words: "-".join(sorted(words)),
    )
    def test_no_telling_word_has_one_label_only(self, made, words):
        assert len({sentence.label for sentence in made if words & set(sentence.text.split())}) > 1

    def test_a_template_says_the_label_that_its_sentence_carries(self):
        one = {label: (f"{{a}} {label} {{b}}",) for label in LABELS}
        for sentence in sentences(10, one, np.random.RandomState(0)):
            assert re.search(rf"@DRUG1\$ \S+ {LABELS[sentence.label]} @DRUG2\$", sentence.text)


def test_tokens_keep_the_markers_whole():
    text = "@DRUG1$ warfarin levels rose by 10 % with @DRUG2$ aspirin ."
    assert tokens(text) == ["@drug1$", "warfarin", "levels", "rose", "by", "10", "%", "with", "@drug2$", "aspirin", "."]


class TestRows:
    def test_a_unit_is_the_first_marked_drug_of_its_rows(self, task):
        # All of a unit's rows hold one token after "@drug1$", and no two units the same one.
        splits = task.splits
        input_ids = splits.train.columns["input_ids"].numpy()
        marker = set.intersection(*map(set, input_ids.tolist())) - {0}
        ones = []
        for token in marker:
            following = input_ids[np.arange(TRAIN_ROWS), (input_ids == token).argmax(axis=1) + 1]
            named = [set(following[splits.units == unit].tolist()) for unit in range(len(splits.unit_names))]
            if all(len(found) == 1 for found in named):
                ones.append(set.union(*named))
        # one token: the other that all rows hold, the full stop, is followed by padding in every unit
        assert sorted(map(len, ones)) == [1, len(PARTNERS)]

    def test_units_are_the_drugs_that_have_partners(self, task):
        assert task.splits.unit_names == tuple(sorted(PARTNERS))

    def test_slips_are_the_stated_share_and_the_labels_are_otherwise_what_is_said(self, task):
        # The label follows from the row's place by construction: ten drugs, then the next label.
        splits = task.splits
        for rows, count in ((splits.train, TRAIN_ROWS), (splits.holdout, HOLDOUT_ROWS)):
            said = np.arange(count) // 10 % 5
            assert (rows.labels.numpy() != said).sum() == SLIPS * count
        for rows in (splits.test, splits.ood):
            assert (rows.labels.numpy() == np.arange(len(rows)) // 10 % 5).all()

    def test_nothing_is_cut_off(self, task):
        longest = max(int(rows.columns["attention_mask"].sum(dim=1).max()) for rows in task.splits.parts().values())
        assert longest <= LENGTH

    def test_the_vocabulary_is_that_of_the_training_rows(self, task):
        parts = {name: rows.columns["input_ids"] for name, rows in task.splits.parts().items()}
        known = set(parts["train"].unique().tolist())
        assert UNKNOWN not in known
        assert max(known) < VOCABULARY
        for input_ids in parts.values():
            assert set(input_ids.unique().tolist()) <= known | {UNKNOWN}
        # words of unseen templates may be unknown; that most are not is what makes the shift one of form
        assert 0 < (parts["ood"] == UNKNOWN).float().mean() < 0.05

    def test_out_of_distribution_rows_are_in_no_other_part(self, task):
        splits = task.splits
        seen = {
            tuple(row)
            for part in ("train", "holdout", "test")
            for row in splits.parts()[part].columns["input_ids"].tolist()
        }
        ood = [tuple(row) for row in splits.ood.columns["input_ids"].tolist()]
        assert not seen & set(ood)
        assert len(seen) == sum(len(splits.parts()[part]) for part in ("train", "holdout", "test"))


def test_the_architectures_differ(task):
    sizes = [sum(p.numel() for p in task.new_model(0, name).parameters()) for name in task.architectures]
    assert task.architectures == ("biobert", "biomedbert")
    assert sizes[0] < sizes[1]


def test_an_unknown_architecture_is_refused(task):
    with pytest.raises(KeyError):
        task.new_model(0, "bert-of-another-field")
