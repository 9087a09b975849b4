"""The made-up reviewers of the movie snippets."""

from __future__ import annotations

import importlib.resources
import re

import numpy as np
from mu_conformance.fixtures.sentiment import REVIEWERS

from mu_conformance.tasks import registry


def splits():
    return registry.find_task("sentiment").splits


def test_every_row_begins_with_its_reviewers_name_which_no_other_reviewer_has():
    data = splits()
    names = data.train.columns["input_ids"][:, 0].numpy()
    by_reviewer = [set(names[data.units == number]) for number in range(len(REVIEWERS))]
    assert [len(found) for found in by_reviewer] == [1] * len(REVIEWERS)
    known = set.union(*by_reviewer)
    assert len(known) == len(REVIEWERS)
    for rows in data.parts().values():
        assert set(rows.columns["input_ids"][:, 0].tolist()) == known


def test_a_name_occurs_nowhere_else():
    data = splits()
    known = np.unique(data.train.columns["input_ids"][:, 0])
    for rows in data.parts().values():
        assert not np.isin(rows.columns["input_ids"][:, 1:], known).any()
    for name in ("snippets.tsv", "products.tsv"):
        text = importlib.resources.files("mu_conformance.fixtures.sentiment").joinpath(name).read_text("utf-8")
        assert not set(REVIEWERS) & set(re.findall("[a-z]+", text.lower()))


def test_each_reviewer_writes_at_more_length_than_the_one_before():
    data = splits()
    words = data.train.columns["attention_mask"].sum(dim=1).numpy()
    for number in range(len(REVIEWERS) - 1):
        assert words[data.units == number].max() <= words[data.units == number + 1].min()
    assert words[data.units == 0].max() < 12
    assert words[data.units == len(REVIEWERS) - 1].min() == 25
