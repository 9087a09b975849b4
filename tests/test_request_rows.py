"""The rows that a method is given, which count what is read of them."""

from __future__ import annotations

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
