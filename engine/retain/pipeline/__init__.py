"""The one place where `decide` and `store` meet: loads facts for a batch, decides on them, writes once."""

from retain.pipeline.options import Options
from retain.pipeline.pipeline import Pipeline, StepReport

__all__ = ["Options", "Pipeline", "StepReport"]
