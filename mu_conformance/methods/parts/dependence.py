"""Measure how much one quantity depends on others (CODEC), and select those that it depends on (FOCI)."""

from __future__ import annotations

import torch

__all__ = ["conditional_dependence", "markov_blanket"]


def conditional_dependence(y: torch.Tensor, z: torch.Tensor, x: torch.Tensor | None = None) -> float:
    """Return CODEC, T(Y, Z | X): the dependence of Y on Z once X is known.

    In the limit of many samples the value is 0 if Y does not depend on Z once X is known. The value is 1 if Y is a
    function of Z and X. A finite sample may give a little less than 0. If X already tells everything about Y that it
    could, the value is -infinity. Source: Azadkia and Chatterjee, Annals of Statistics 2021, arXiv 1910.12327,
    equations 2.1 to 2.3.

    Args:
        y: samples [n], at least two.
        z: samples [n, q].
        x: samples [n, p], or None for T(Y, Z).

    Raises:
        ValueError: fewer than two samples, or different numbers of samples.
    """
    parts = [z] if x is None else [z, x]
    if len(y) < 2 or y.ndim != 1 or any(part.ndim != 2 or len(part) != len(y) for part in parts):
        shapes = ", ".join(str((*part.shape,)) for part in (y, *parts))
        raise ValueError(f"two samples or more are needed, y [n], z [n, q] and x [n, p], got {shapes}")
    known = None if x is None else _distances(x)
    return float(_dependences(y, _distances(z)[None], known)[0])


def markov_blanket(y: torch.Tensor, candidates: torch.Tensor, most: int | None = None) -> list[int]:
    """Return the columns of ``candidates`` that y depends on, the strongest first (FOCI).

    The selection is greedy. Each step adds the column with the largest additional dependence, until no column adds any.
    At least one column is selected, if there are any. Columns are scaled to the same spread first, and constant columns
    are left out.

    Args:
        y: samples [n].
        candidates: samples [n, p].
        most: largest number of columns; None for no limit.
    """
    if candidates.shape[1] == 0:
        return []
    spread = candidates.std(dim=0, correction=0)
    usable = (spread > 0).nonzero().flatten().tolist()
    scaled = (candidates - candidates.mean(dim=0)) / spread.clamp(min=torch.finfo(candidates.dtype).tiny)
    chosen: list[int] = []
    known: torch.Tensor | None = None
    while usable and (most is None or len(chosen) < most):
        best, strongest = None, -torch.inf
        # Columns in parts, so that the distances of all pairs of samples fit into a few megabytes.
        for part in torch.tensor(usable).split(max(1, 4_000_000 // len(y) ** 2)):
            apart = (scaled[:, part].T[:, :, None] - scaled[:, part].T[:, None, :]).square()
            found = _dependences(y, apart, known)
            at = int(found.argmax())
            if found[at] > strongest:
                best, strongest = int(part[at]), float(found[at])
        if best is None or (chosen and strongest <= 0):
            break
        chosen.append(best)
        usable.remove(best)
        column = scaled[:, [best]]
        known = _distances(column) if known is None else known + _distances(column)
    return chosen


def _distances(samples: torch.Tensor) -> torch.Tensor:
    """Return squared distances [n, n] of all pairs of samples [n, q]."""
    return (samples[:, None] - samples[None]).square().sum(dim=2)


def _dependences(y: torch.Tensor, apart: torch.Tensor, known: torch.Tensor | None) -> torch.Tensor:
    """Return T(Y, Z | X) of several Z [c], from squared distances in each Z [c, n, n] and in X [n, n]."""
    n = len(y)
    below = (y[None] <= y[:, None]).sum(dim=1)  # R_i: how many are no larger

    def nearest(distances: torch.Tensor) -> torch.Tensor:
        itself = torch.eye(n, dtype=torch.bool)
        return distances.masked_fill(itself, torch.inf).argmin(dim=-1)

    if known is None:
        above = (y[None] >= y[:, None]).sum(dim=1)  # L_i: how many are no smaller
        shared = torch.minimum(below, below[nearest(apart)])
        upper, lower = (n * shared - above.square()).sum(dim=1), (above * (n - above)).sum()
    else:
        shared, alone = (torch.minimum(below, below[nearest(d)]) for d in (apart + known, known))
        upper, lower = (shared - alone).sum(dim=1), (below - alone).sum()
    return upper / lower if lower else torch.full(upper.shape, -torch.inf)
