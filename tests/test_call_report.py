"""What a call's report says, by name: of the environment, of a strange state dict, of harmless sockets."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mu_conformance.isolation.child import _strange, _told
from mu_conformance.isolation.recorder import _harmless


def test_variables_of_the_environment_are_named_and_their_values_are_not():
    before, after = {"KEPT": "a", "GONE": "b", "OTHER": "c"}, {"KEPT": "a", "OTHER": "d", "NEW": "secret"}
    assert _told("environment", before, after) == "environment: GONE removed, NEW set, OTHER changed"
    assert _told("grad mode", True, False) == "grad mode: True -> False"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.zeros(2), ""),
        (torch.zeros(2, dtype=torch.bfloat16), ""),
        (torch.zeros(2, device="meta"), ""),
        (torch.eye(2).to_sparse(), "a sparse_coo tensor under it"),
        (torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "a quantised tensor under it"),
        (torch.qint8, "a dtype under it"),
        ({"a": 1}, "a dict under it"),
        (nn.LazyLinear(2).weight, "a tensor without values under it"),
    ],
)
def test_what_is_no_dense_tensor_is_named(value, said):
    assert _strange("it", value) == said


@pytest.mark.parametrize(
    ("event", "address", "harmless"),
    [
        ("socket.bind", ("127.0.0.1", 0), True),
        ("socket.bind", ("::1", 0), True),
        ("socket.bind", ("127.0.0.1", 8080), False),
        ("socket.bind", ("0.0.0.0", 0), False),
        ("socket.bind", ("", 0), False),
        ("socket.connect", ("127.0.0.1", 0), False),
        ("socket.sendto", ("::1", 0), False),
        ("socket.bind", "/tmp/socket", False),
    ],
)
def test_binding_loopback_to_any_free_port_connects_to_nobody(event, address, harmless):
    assert _harmless(event, address) is harmless
