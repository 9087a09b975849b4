"""SimNPO: optimise a negative preference without a reference model (Fan et al. 2024)."""

from __future__ import annotations

from mu_conformance.methods.parts.forgetting import forget_beside_retain
from mu_conformance.methods.parts.preference import simnpo
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest

__all__ = ["SimNPO"]


@tuned_defaults
class SimNPO:
    """Makes forget rows less likely per token, with a retain term: negative preference without a reference model.

    Minimises -2 / beta * log sigmoid(-beta / |y| * log p_theta - gamma) on the forget set + L(theta; retain). Source:
    Fan et al. 2024, arXiv 2410.07163. |y| is the number of tokens of a row's answer. Reads both sets and their labels.
    Defined where labels have a likelihood: classes and texts.

    Args:
        beta: inverse temperature, above 0.
        gamma: margin of the preference.
        retain_weight: weight of the retain loss.
        epochs: passes over the forget set.
        learning_rate_share: share of the recipe's learning rate.
    """

    claims = Claims(max_ratio=1.0, requires=("likelihood",))
    search = {"beta": (1.0, 4.0), "epochs": (5, 15), "learning_rate_share": (0.1, 0.3, 1.0)}

    def __init__(
        self,
        beta: float = 2.5,
        gamma: float = 0.0,
        retain_weight: float = 1.0,
        epochs: int = 10,
        learning_rate_share: float = 0.3,
    ) -> None:
        if not beta > 0:
            raise ValueError(f"beta must be positive, got {beta}")
        self.beta, self.gamma, self.retain_weight = beta, gamma, retain_weight
        self.epochs, self.learning_rate_share = epochs, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        task = request.task

        def dispreferred(current, batch):
            lengths = task.answer_lengths(batch).to(request.device)
            return simnpo(task.log_likelihood(current, batch), lengths, self.beta, self.gamma)

        return forget_beside_retain(
            model,
            request,
            dispreferred,
            retain_weight=self.retain_weight,
            epochs=self.epochs,
            learning_rate_share=self.learning_rate_share,
        )
