"""A function of a model and three loaders as a method."""

from __future__ import annotations

import torch
from linear_task import TASK, Linear, request_of, rows_of

from mu_conformance.adapters.functions import LoadersAdapter


class TestLoadersAdapter:
    def test_it_gives_the_four_things_in_the_published_order(self):
        seen = {}

        def function(model, retain_loader, forget_loader, validation_loader):
            loaders = {"retain": retain_loader, "forget": forget_loader, "validation": validation_loader}
            for name, loader in loaders.items():
                found = list(loader)
                assert max(len(batch["labels"]) for batch in found) <= 4
                seen[name] = sorted(torch.cat([batch["x"][:, 0] for batch in found]).tolist())

        forget, retain = rows_of(5), rows_of(30)
        LoadersAdapter(function).unlearn(TASK.new_model(0), request_of(forget, retain))
        assert seen["forget"] == [0, 2, 4, 6, 8]
        assert seen["retain"] == [2.0 * i for i in range(30)]
        # a tenth of the retain rows, and none that was never trained on
        assert seen["validation"] == [0, 20, 40]

    def test_none_means_that_a_copy_was_changed(self):
        def function(model, retain_loader, forget_loader, validation_loader):
            model.linear.bias.data.fill_(9.0)

        original = TASK.new_model(0)
        before = original.linear.bias.clone()
        returned = LoadersAdapter(function).unlearn(original, request_of(rows_of(3), rows_of(20)))
        assert returned.linear.bias.tolist() == [9.0] * 3
        assert torch.equal(original.linear.bias, before)

    def test_a_model_that_is_returned_is_the_result(self):
        other = Linear()
        adapter = LoadersAdapter(lambda model, retain, forget, validation: other)
        assert adapter.unlearn(TASK.new_model(0), request_of(rows_of(3), rows_of(20))) is other

    def test_the_order_of_rows_follows_the_requests_seed(self):
        def orders(ambient: int) -> list[float]:
            found: list[float] = []

            def function(model, retain_loader, *others):
                found.extend(x for batch in retain_loader for x in batch["x"][:, 0].tolist())
                found.append(torch.rand(()).item())

            torch.manual_seed(ambient)
            adapter = LoadersAdapter(lambda model, retain, forget, validation: function(model, retain))
            adapter.unlearn(TASK.new_model(0), request_of(rows_of(3), rows_of(20)))
            return found

        assert orders(1) == orders(2)
