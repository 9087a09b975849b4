"""The rows that a method is given, which count what is read of them."""

from __future__ import annotations

import copy
import os
import pickle

import numpy as np
import pytest
import torch
from linear_task import rows_of

from mu_conformance.isolation.memory_files import Counters, read_tensors, write_tensors
from mu_conformance.isolation.request_rows import RequestRows
from mu_conformance.tasks import Rows


@pytest.fixture
def shared():
    """Three rows whose counters follow two others."""
    descriptors = write_tensors(rows_of(3).columns), Counters.create(5)
    rows = Rows(read_tensors(descriptors[0]))
    yield RequestRows(rows, ("x",), Counters(descriptors[1], 2, 3), (*descriptors, 2)), descriptors[1]
    for descriptor in descriptors:
        os.close(descriptor)


class TestRequestRows:
    def test_it_counts_what_is_read(self):
        data = RequestRows(rows_of(5), ("x",))
        assert data[1].keys() == {"x"}
        data.batch(torch.tensor([1, 1, 4]))
        assert data[-1]["x"].tolist() == [8.0, 9.0]
        assert data.reads.tolist() == [0, 3, 0, 0, 2]

    @pytest.mark.parametrize("index", [5, -6])
    def test_it_ends_where_its_rows_end(self, index):
        data = RequestRows(rows_of(5), ("x",))
        with pytest.raises(IndexError, match=f"row {index} of 5"):
            data[index]
        assert len([row for row in data]) == 5  # noqa: C416

    @pytest.mark.parametrize(
        ("index", "rows"),
        [
            (slice(1, 3), [1, 2]),
            (slice(None, None, -2), [4, 2, 0]),
            ([0, -1, 0], [0, 4, 0]),
            (torch.tensor([2, 3]), [2, 3]),
            (np.array([4]), [4]),
            (slice(5, 9), []),
        ],
    )
    def test_several_rows_are_stacked_and_each_read_counts(self, index, rows):
        data = RequestRows(rows_of(5), ("x", "labels"))
        given = data[index]
        assert given["x"].tolist() == [[2.0 * row, 2.0 * row + 1] for row in rows]
        assert given["labels"].tolist() == [row % 3 for row in rows]
        assert data.reads.tolist() == [rows.count(row) for row in range(5)]

    @pytest.mark.parametrize("index", [np.int64(2), torch.tensor(2), -3])
    def test_a_number_of_any_kind_is_a_row(self, index):
        data = RequestRows(rows_of(5), ("x",))
        assert data[index]["x"].tolist() == [4.0, 5.0]
        assert data.reads.tolist() == [0, 0, 1, 0, 0]

    def test_no_number_is_no_row(self):
        with pytest.raises(TypeError):
            RequestRows(rows_of(5), ("x",))["x"]
        with pytest.raises(IndexError, match="row 7 of 5"):
            RequestRows(rows_of(5), ("x",))[[0, 7]]

    def test_labels_count_as_reading_every_row(self):
        data = RequestRows(rows_of(5), ("x", "labels"))
        assert data.labels.tolist() == [0, 1, 2, 0, 1]
        assert data.reads.tolist() == [1] * 5
        with pytest.raises(AttributeError, match="no labels"):
            RequestRows(rows_of(5), ("x",)).labels  # noqa: B018

    def test_its_columns_have_no_plain_name(self):
        data = RequestRows(rows_of(5), ("x",))
        assert not [name for name in ("_rows", "rows", "columns", "_columns", "__dict__") if hasattr(data, name)]

    def test_without_shared_memory_another_process_gets_a_copy(self):
        data = pickle.loads(pickle.dumps(RequestRows(rows_of(5), ("x",))))
        assert data[4].keys() == {"x"}
        assert data[4]["x"].tolist() == [8.0, 9.0]


class TestSharedRows:
    def test_a_pickled_one_counts_in_the_same_place(self, shared):
        data, counters = shared
        again = pickle.loads(pickle.dumps(data))
        assert again[1]["x"].tolist() == [2.0, 3.0]
        copy.deepcopy(data).batch([0, 1])
        data[2]
        assert data.reads.tolist() == [1, 2, 1]
        assert Counters.read(counters, 5).tolist() == [0, 0, 1, 2, 1]

    def test_a_forked_one_too(self, shared):
        data, counters = shared
        if (pid := os.fork()) == 0:
            data.batch([0, 0])
            os._exit(0)
        os.waitpid(pid, 0)
        assert Counters.read(counters, 5).tolist() == [0, 0, 2, 0, 0]

    def test_the_file_cannot_be_changed_and_the_counters_not_shortened(self, shared):
        data, counters = shared
        data[0]["x"].fill_(9.0)
        assert data[0]["x"].tolist() == [9.0, 9.0]
        assert pickle.loads(pickle.dumps(data))[0]["x"].tolist() == [0.0, 1.0]
        with pytest.raises(PermissionError):
            os.ftruncate(counters, 0)

    def test_negative_counters_are_no_reads(self, shared):
        _, counters = shared
        os.pwrite(counters, np.array([-5, 3], dtype=np.int64).tobytes(), 0)
        assert Counters.read(counters, 5).tolist() == [0, 3, 0, 0, 0]
