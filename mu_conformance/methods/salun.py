"""SalUn: train random labels into the weights that matter most for the forget set (Fan et al. 2024)."""

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
    """Continues training with wrong labels on the forget set, in the salient weights only.

    Minimises L(theta; forget) + L(theta; retain), where forget labels are drawn from the other classes. Source: Fan et
    al., ICLR 2024, arXiv 2310.12508, equations 3 to 5. For a diffusion model the first term is ||f(x_t | c') - f(x_t |
    c)||^2 (equation 6). Here c is the prompt of a forget row, and c' that of another row.

    Salient weights are those with the largest |gradient of L(forget)| at the original, computed on the whole forget
    set. All other weights stay unchanged, bit for bit: weight decay does not reach them. Reads both sets and their
    labels. Defined where labels can be changed: classes and prompts.

    Args:
        density: share of all weights that is salient, in (0, 1]. The default, a threshold at the median, is the
            paper's.
        epochs_share: share of the recipe's epochs, one epoch at least.
        learning_rate_share: share of the recipe's learning rate.
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
