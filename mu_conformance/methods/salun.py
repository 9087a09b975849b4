"""SalUn: random labels, trained into the weights alone that matter for the forget set (Fan et al. 2024)."""

from __future__ import annotations

import copy

from mu_conformance.methods.parts.relabelling import relabelled
from mu_conformance.methods.parts.saliency import kept_outside, largest, mean_gradient
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["SalUn"]


@tuned_defaults
class SalUn:
    """Minimise L(theta; forget with labels drawn from the other classes) + L(theta; retain) in the salient weights only
    (Fan et al., ICLR 2024, arXiv 2310.12508, equations 3 to 5). Of a diffusion model the first term is
    ||f(x_t | c') - f(x_t | c)||^2, c the prompt of a forget row and c' that of another (equation 6).

    Salient is the ``density``, in (0, 1], of all weights with the largest |gradient of L(forget)| at the original, of
    the whole forget set; a half (a threshold at the median) is the paper's. All others stay, bitwise: weight decay
    does not reach them. Reads both sets and their labels. Defined where a label can be
    another: classes and prompts.
    """

    claims = Claims(max_ratio=1.0, requires=("relabelling",))
    search = {"density": (0.3, 0.5), "epochs_share": (0.1, 0.3), "learning_rate_share": (0.1, 0.3, 1.0)}

    def __init__(self, density: float = 0.5, epochs_share: float = 0.3, learning_rate_share: float = 0.3) -> None:
        if not 0 < density <= 1:
            raise ValueError(f"density must lie in (0, 1], got {density}")
        self.density, self.epochs_share, self.learning_rate_share = density, epochs_share, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.fine_tuning(self.epochs_share, self.learning_rate_share)
        found, task = copy.deepcopy(model), request.task
        with request.seeded() as generator:
            gradient = mean_gradient(found, request.forget, task.loss, recipe.batch_size)
            salient = largest({name: value.abs() for name, value in gradient.items()}, self.density)
            rows, loss = relabelled(request, generator)
            return fit(found, rows, task, recipe, request.seed, loss=loss, after_step=kept_outside(found, salient))
