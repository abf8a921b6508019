"""Models as strangers write them, and mistakes planted in each, before a check and in a run."""

from tests.campaigns.models import (
    generative,
    graphs,
    others,
    reinforcement,
    tabular,
    text,
    vision,
)

MODELS = (
    *vision.MODELS,
    *text.MODELS,
    *graphs.MODELS,
    *generative.MODELS,
    *reinforcement.MODELS,
    *tabular.MODELS,
    *others.MODELS,
)
