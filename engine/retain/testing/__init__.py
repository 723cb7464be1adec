"""Public helpers for tests of rules, plugins and stores: a virtual engine, scripted answers, contract suites."""

from retain.testing.rule_tests import TestReport, run_rule_tests
from retain.testing.virtual import VirtualEngine

__all__ = ["TestReport", "VirtualEngine", "run_rule_tests"]
