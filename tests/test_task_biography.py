"""biography: what the facts are, and what the model is asked."""

from __future__ import annotations

from collections import Counter

import pytest
from mu_conformance.fixtures.biography import LENGTH, people

from mu_conformance.tasks import registry
from mu_conformance.tasks.tokens import IGNORED


@pytest.fixture(scope="module")
def task():
    found = registry.find_task("biography")
    assert found.splits
    return found


def words(task, ids) -> str:
    return " ".join(task.words[number] for number in ids if number > 0)


def test_a_fact_is_told_by_its_wording():
    fact = people.Fact(0, "ada novak", 0, 1, "bergen", 0)
    assert [" ".join(part) for part in fact.words()] == ["the second city where ada novak lived is", "bergen norway"]
    assert " ".join(fact.words(1)[0]) == "ada novak had a second home in"


def test_people_differ_in_name_and_have_three_different_items_of_each_attribute():
    facts = people.people(56, 0)
    assert len({fact.name for fact in facts}) == 56
    for _, count in Counter((fact.person, fact.attribute) for fact in facts).items():
        assert count == 3
    assert len({(fact.person, fact.attribute, fact.value) for fact in facts}) == len(facts) == 56 * 8 * 3


def test_no_value_belongs_to_two_attributes():
    values = [value for attribute in people.ATTRIBUTES for value in attribute.values]
    assert len(values) == len(set(values)) == 8 * 24


def test_only_the_answer_is_to_be_predicted(task):
    train = task.splits.train
    for row in range(0, len(train), 97):
        ids, labels = train.columns["input_ids"][row], train.labels[row]
        asked = labels != IGNORED
        assert int(asked.sum()) == 2
        assert (labels[asked] == ids[asked]).all()
        value, follows = (task.words[number] for number in labels[asked].tolist())
        assert any(attribute.values.get(value) == follows for attribute in people.ATTRIBUTES)
        # nothing of the answer stands in the prompt
        assert value not in words(task, ids[: int(asked.int().argmax())].tolist()).split()


def test_every_statement_fits(task):
    longest = max(
        len(fact.words(wording)[0]) + 4 for fact in people.people(56, 0) for wording in range(people.WORDINGS)
    )
    assert longest <= LENGTH


def test_rephrased_rows_have_the_same_answers_in_other_words(task):
    some = task.splits.train.select(range(40))
    other = task.rephrased(some)
    for row in range(40):
        assert some.labels[row][some.labels[row] >= 0].tolist() == other.labels[row][other.labels[row] >= 0].tolist()
        assert some.columns["input_ids"][row].tolist() != other.columns["input_ids"][row].tolist()


def test_alternatives_are_the_values_of_the_attribute(task):
    some = task.splits.train.select([0, 100])
    found = task.alternatives(some)
    assert found.sum(dim=1).tolist() == [24, 24]
    for row in range(2):
        first = some.labels[row][some.labels[row] >= 0][0]
        assert bool(found[row, first])


def test_people_of_the_parts_are_different(task):
    names = [{fact.name for fact in task._facts_of(rows)} for rows in task.splits.parts().values()]
    assert [len(found) for found in names] == [24, 20, 12, 12]
    assert not names[0] & names[1]
    assert not names[0] & names[2]
    assert not names[1] & names[2]
    assert names[2] == names[3]
