"""Public helpers for tests of rules and plugins: the engine in memory on a virtual clock."""

from retain.testing.plans import plan_of
from retain.testing.rule_tests import TestReport, run_rule_tests
from retain.testing.virtual import VirtualEngine

__all__ = ["TestReport", "VirtualEngine", "plan_of", "run_rule_tests"]
