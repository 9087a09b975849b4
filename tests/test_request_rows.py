"""The rows that a method is given, which count what is read of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from linear_task import rows_of

from mu_conformance.isolation.child import RequestRows


class TestRequestRows:
    def test_it_counts_what_is_read(self):
        data = RequestRows(rows_of(5), ("x",))
        assert data[1].keys() == {"x"}
        data.batch(torch.tensor([1, 1, 4]))
        assert data[-1]["x"].tolist() == [8.0, 9.0]
        assert data._read.tolist() == [0, 3, 0, 0, 2]

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
        assert data._read.tolist() == [rows.count(row) for row in range(5)]

    @pytest.mark.parametrize("index", [np.int64(2), torch.tensor(2), -3])
    def test_a_number_of_any_kind_is_a_row(self, index):
        data = RequestRows(rows_of(5), ("x",))
        assert data[index]["x"].tolist() == [4.0, 5.0]
        assert data._read.tolist() == [0, 0, 1, 0, 0]

    def test_no_number_is_no_row(self):
        with pytest.raises(TypeError):
            RequestRows(rows_of(5), ("x",))["x"]
        with pytest.raises(IndexError, match="row 7 of 5"):
            RequestRows(rows_of(5), ("x",))[[0, 7]]

    def test_labels_count_as_reading_every_row(self):
        data = RequestRows(rows_of(5), ("x", "labels"))
        assert data.labels.tolist() == [0, 1, 2, 0, 1]
        assert data._read.tolist() == [1] * 5
        with pytest.raises(AttributeError, match="no labels"):
            RequestRows(rows_of(5), ("x",)).labels  # noqa: B018
