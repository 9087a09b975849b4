"""Store forget rows a bit in each weight, so that no byte of the weights is a byte of a row."""

from __future__ import annotations

from mu_conformance.controls.parts.hiding import float_weights, write
from mu_conformance.methods.retrain import Retrain

__all__ = ["HidesRowsBitByBit"]


class HidesRowsBitByBit:
    """Retrains exactly, and hides as many forget rows as there is room for in the lowest bit of each weight."""

    caught_by = "contract.no-residue"

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        room, content = sum(map(len, float_weights(retrained))) // 8, b""
        for row in range(len(request.forget)):
            widest = max(request.forget[row].values(), key=lambda column: len(column.unique()))
            added = (widest.half() if widest.is_floating_point() else widest).numpy().tobytes()
            if len(content) + len(added) > room:
                break
            content += added
        write(retrained, content, (0, 1))
        return retrained
