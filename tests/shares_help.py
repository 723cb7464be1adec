"""What a simulation says, by one process and by three; importable by a process that a test starts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC

from decide_help import plan
from retain.app.simulation.page import simulation_page
from retain.app.simulation.simulate import Simulation, simulate
from retain.app.simulation.telling import csv_rows, simulation_json
from retain.language.plan import Plan
from retain.model import Message


def simulated_twice(text: str, past: list[Message]) -> tuple[str, str, int]:
    """What one process says of rules and events, what three say where they can, and how many it then were."""
    rules = plan(text)
    one, three = (simulate(rules, past, processes=count, most_a_week=1) for count in (1, 3))
    return told(one, rules), told(three, rules), three.processes


def told(result: Simulation, rules: Plan) -> str:
    """Everything that a simulation says but how long it took."""
    page = simulation_page(replace(result, seconds=0), rules.rules, UTC)
    return json.dumps([simulation_json(result) | {"seconds": 0}, list(csv_rows(result)), page])
