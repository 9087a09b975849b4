"""summarization: dialogues agree with their summaries, and ROUGE-L is that of the texts."""

from __future__ import annotations

import pytest
import torch
from mu_conformance.fixtures.summarization import Summarization, dialogues


@pytest.fixture(scope="module")
def task():
    return Summarization()


def test_the_summary_says_what_the_dialogue_agreed():
    for one in dialogues.dialogues(200, seed=3):
        said, summed = one.text.split(), one.summary.split()
        assert said[0] == dialogues.NAMES[one.speaker]
        days = list(dict.fromkeys(word for word in said if word in dialogues.DAYS))
        # a second day is named only where the first was turned down
        assert [word for word in summed if word in dialogues.DAYS] == [days[-1]]
        assert ("moves" in summed) == (len(days) == 2)
        for words in (dialogues.ACTIVITIES, dialogues.PLACES):
            assert {word for word in summed if word in words} <= set(said)
        assert {word for word in summed if word in dialogues.NAMES} == {
            word for word in said if word in dialogues.NAMES
        }


def test_adverb_and_verb_cannot_be_read_off_the_dialogue():
    for one in dialogues.dialogues(50, seed=3):
        for words in (dialogues.MOODS, dialogues.VERBS):
            assert not set(one.text.split()) & set(words)
            assert len(set(one.summary.split()) & set(words)) == 1


def test_out_of_distribution_openings_never_occur_in_training(task):
    openings = {" ".join(task.decode(ids).split()[2:4]) for ids in task.splits.ood.columns["input_ids"].tolist()}
    trained = {" ".join(task.decode(ids).split()[2:4]) for ids in task.splits.train.columns["input_ids"].tolist()}
    assert not openings & trained


def test_decode_undoes_encoding(task):
    made = dialogues.dialogues(1, seed=0)
    rows = task._encode(made)
    assert task.decode(rows.columns["input_ids"][0].tolist()) == made[0].text
    assert task.targets(rows) == [made[0].summary]


def test_the_score_is_rouge_l(task, monkeypatch):
    made = dialogues.dialogues(2, seed=0)
    rows = task._encode(made)
    target = made[0].summary.split()
    # the first text lacks the last two words of n: precision 1, recall (n - 2) / n; the second has nothing in common
    texts = [" ".join(target[:-2]), "qwerty"]
    monkeypatch.setattr(task, "write", lambda model, batch: texts)
    model = torch.nn.Linear(1, 1)
    kept = task._written(model, rows.columns)
    recall = (len(target) - 2) / len(target)
    assert kept["score"].tolist() == pytest.approx([2 * recall / (1 + recall), 0.0])
    assert kept["prediction"][0] != kept["prediction"][1]


def test_texts_are_written_only_where_more_than_losses_is_asked_for(task):
    model, rows = task.new_model(0), task.splits.train.select(range(4))
    whole = task.outputs(model, rows)
    assert set(whole) == {"loss", "confidence", "exact_memorization", "extraction_strength", "score", "prediction"}
    assert set(task.outputs(model, rows, brief=True)) == set(whole) - {"score", "prediction"}
