"""Models as strangers write them, and mistakes planted in each, before a check and in a run."""

from tests.campaigns.models import (
    detection,
    generative,
    graphs,
    others,
    reinforcement,
    tabular,
    text,
    transformers,
    vision,
)

MODELS = (
    *vision.MODELS,
    *detection.MODELS,
    *text.MODELS,
    *transformers.MODELS,
    *graphs.MODELS,
    *generative.MODELS,
    *reinforcement.MODELS,
    *tabular.MODELS,
    *others.MODELS,
)
