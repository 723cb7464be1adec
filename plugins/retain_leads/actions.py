"""The three store actions: assign a lead, give it to somebody else, close it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from retain.errors import PermanentError
from retain.model import Fields, Json, NewEvent, Record, digest
from retain.registry import Action, Example, JsonSchema, StoreChanges
from retain.store_view import StoreView
from retain_leads.choose import Turn, choose
from retain_leads.members import Member, able, read_members

_TEXT: dict[str, Json] = {"type": "string", "minLength": 1}
_SHARING: dict[str, JsonSchema] = {
    "team": _TEXT | {"description": "a team of the rule files"},
    "strategy": {
        "enum": ["round_robin", "weighted", "least_loaded"],
        "description": "how the team's members take turns; round_robin where nothing is written",
    },
    "territory": {"type": "string", "description": "members who name it come first"},
    "on_nobody": {
        "enum": ["fail", "skip", "queue"],
        "description": "where nobody is able: fail the step (the default), go on without an owner, or keep the lead "
        "in state queued",
    },
}
_OUTPUT: JsonSchema = {
    "type": "object",
    "properties": {
        "owner": {"type": "string", "description": "e-mail address of the member; missing where nobody was able"},
        "team": {"type": "string"},
        "lead_id": {"type": "string"},
    },
    "required": ["team"],
}


@dataclass(frozen=True, slots=True)
class _Pick:
    """Who was chosen, and the shared record that the choice moves."""

    member: Member
    turn: Record


def assign(view: StoreView, inputs: Fields) -> StoreChanges:
    """Give the customer's lead an owner. A lead that has one keeps it: a repeated assignment changes nothing."""
    lead = _present_lead(view)
    if lead is not None and lead.state == "open":
        return StoreChanges(output={"owner": lead.owner, "team": lead.fields["team"], "lead_id": lead.id})
    territory = inputs.get("territory", "")
    pick = _pick(view, inputs, territory)
    lead = lead or Record(kind="lead", id=digest("lead", view.run, view.step), customer=view.customer_id)
    if pick is None:
        return _nobody(view, inputs, lead)
    return _given(lead, pick, inputs["team"], territory, NewEvent(name="lead_assigned"))


def reassign(view: StoreView, inputs: Fields) -> StoreChanges:
    """Give an open lead to another member of the team; where there is no lead, this is an assignment."""
    lead = _present_lead(view)
    if lead is None or lead.state != "open":
        return assign(view, inputs)
    territory = inputs.get("territory", lead.fields.get("territory", ""))
    pick = _pick(view, inputs, territory, but_not=lead.owner)
    if pick is None:
        return _nobody(view, inputs, lead)
    moved = NewEvent(name="lead_reassigned", fields={"previous_owner": lead.owner})
    return _given(lead, pick, inputs["team"], territory, moved)


def close(view: StoreView, inputs: Fields) -> StoreChanges:
    """Close the customer's lead, which frees its owner's capacity; without one, nothing changes."""
    lead = _present_lead(view)
    if lead is None:
        return StoreChanges(output={"closed": False})
    closed = replace(lead, state="closed", fields={**lead.fields, "outcome": inputs["outcome"]})
    told = {"outcome": inputs["outcome"]} | ({"owner": lead.owner} if lead.owner else {})
    return StoreChanges(
        output={"closed": True},
        fields={"lead_owner": None, "lead_state": None},
        records=(closed,),
        events=(NewEvent(name="lead_closed", fields=told),),
    )


def _present_lead(view: StoreView) -> Record | None:
    return next((lead for lead in view.records_of_customer("lead") if lead.state != "closed"), None)


def _pick(view: StoreView, inputs: Fields, territory: str, but_not: str = "") -> _Pick | None:
    team = view.team(inputs["team"])
    if team is None:
        raise PermanentError(f"no team is called {inputs['team']!r}", cure="write it under `teams` in a rule file")
    open_leads = view.count_by_owner("lead", "open")
    members = able(read_members(team), territory=territory, open_leads=open_leads, now=view.now, but_not=but_not)
    record = view.record("turn", inputs["team"]) or Record(kind="turn", id=inputs["team"], state="open")
    chosen = choose(inputs.get("strategy", "round_robin"), members, Turn.of(record.fields), open_leads)
    if chosen is None:
        return None
    member, turn = chosen
    return _Pick(member, replace(record, fields=turn.fields()))


def _given(lead: Record, pick: _Pick, team: str, territory: str, event: NewEvent) -> StoreChanges:
    owner = pick.member.email
    where = {"team": team} | ({"territory": territory} if territory else {})
    return StoreChanges(
        output={"owner": owner, "team": team, "lead_id": lead.id},
        fields={"lead_owner": owner, "lead_state": "open"},
        records=(replace(lead, owner=owner, state="open", fields={**lead.fields, **where}), pick.turn),
        events=(replace(event, fields={"owner": owner, **where, **event.fields}),),
    )


def _nobody(view: StoreView, inputs: Fields, lead: Record) -> StoreChanges:
    policy = inputs.get("on_nobody", "fail")
    if policy == "fail":
        raise PermanentError(
            f"nobody in team {inputs['team']} can take a lead now",
            cure="raise a capacity, end an absence, or write on_nobody: queue",
        )
    if lead.owner:  # nobody else is able: the present owner keeps it
        return StoreChanges(output={"owner": lead.owner, "team": inputs["team"], "lead_id": lead.id})
    if policy == "skip":
        return StoreChanges(output={"team": inputs["team"]})
    kept = {name: inputs[name] for name in ("team", "territory") if inputs.get(name)}
    queued = replace(lead, state="queued", fields={**lead.fields, **kept})
    output = {"team": inputs["team"], "lead_id": lead.id}
    return StoreChanges(output=output, fields={"lead_state": "queued"}, records=(queued,))


_KINDS = frozenset({"lead", "turn"})
_EXAMPLE = Example(
    inputs={"team": "sales", "strategy": "weighted", "territory": "north"},
    output={"owner": "ada@example.test", "team": "sales", "lead_id": "8f1c2a9b"},
)
ASSIGN = Action(
    name="lead.assign",
    summary="Give the customer's lead to a member of a team, by territory, turn, weight, capacity and absence.",
    inputs={"type": "object", "properties": _SHARING, "required": ["team"], "additionalProperties": False},
    output=_OUTPUT,
    example=_EXAMPLE,
    apply=assign,
    record_kinds=_KINDS,
)
REASSIGN = Action(
    name="lead.reassign",
    summary="Take an open lead from its owner and give it to another member of the team.",
    inputs={"type": "object", "properties": _SHARING, "required": ["team"], "additionalProperties": False},
    output=_OUTPUT,
    example=_EXAMPLE,
    apply=reassign,
    record_kinds=_KINDS,
)
CLOSE = Action(
    name="lead.close",
    summary="Close the customer's lead and free its owner's capacity.",
    inputs={
        "type": "object",
        "properties": {"outcome": _TEXT | {"description": "won, lost, or a word of your own"}},
        "required": ["outcome"],
        "additionalProperties": False,
    },
    output={"type": "object", "properties": {"closed": {"type": "boolean"}}, "required": ["closed"]},
    example=Example(inputs={"outcome": "won"}, output={"closed": True}),
    apply=close,
    record_kinds=frozenset({"lead"}),
)
