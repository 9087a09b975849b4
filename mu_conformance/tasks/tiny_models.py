"""Build tiny models: transformers' classes of published classifiers, small and with fresh weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

__all__ = ["tiny_model"]


def tiny_model(kind: str, **configuration: Any) -> Callable[[int], nn.Module]:
    """Return a builder of transformers' class ``kind``, such as BertForSequenceClassification.

    The builder takes the number of classes. The class is named, not imported, so that a table of architectures does not
    import transformers.
    """

    def build(classes: int) -> nn.Module:
        import transformers

        model_class = getattr(transformers, kind)
        return model_class(model_class.config_class(num_labels=classes, **configuration))

    return build
