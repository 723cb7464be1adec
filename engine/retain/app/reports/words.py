"""What the words mean that the engine answers with: outcomes of starts, states, reasons of refusals and rejections."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "outcome of a start": (
        ("started", "the run began"),
        ("queued", "the run waits for the key's other run to end (mode: queue)"),
        ("parked", "the rule is paused or its breaker is open; retain resume starts it"),
        ("off", "the rule's status is off"),
        ("trigger", "the trigger's own if was not true"),
        ("late", "the event came more than max_lateness after it had happened, or is imported history"),
        ("key_missing", "the event or customer has no value for runs.per, or for a field of same"),
        ("if", "the rule's if was not true; unknown counts as not true"),
        ("already_exited", "a condition of exit_when was true already"),
        ("at_most", "the key has had as many runs with an effect as at_most allows"),
        ("running", "the key has a live run (mode: single)"),
        ("queue_full", "too many runs of the key wait already (mode: queue)"),
        ("other_trigger", "another trigger of the rule started it for the same cause"),
        ("backfill", "becomes was true already when the rule came; it says no backfill: true"),
        ("chain", "rules that cause each other's events were cut"),
        ("repeated", "this planned start, or this cause, was used before"),
    ),
    "state of a run": (
        ("waiting", "until an instant"),
        ("waiting_for", "until an event, or until its time is up"),
        ("acting", "until an effect has its result"),
        ("held", "at a dead letter, until somebody retries or drops it"),
        ("watched", "the steps are done; its goal is still looked for"),
        ("ended", "over; ended_by says how"),
    ),
    "state of an effect": (
        ("pending", "decided, not yet claimed for sending"),
        ("sending", "claimed for sending"),
        ("done", "carried out"),
        ("shadow", "decided by a shadow or holdout run; nothing was sent"),
        ("refused", "a check before the send said no; its reason says which"),
        ("cancelled", "its run ended before it was sent"),
        ("dead", "failed for good; retain effects retry tries again"),
        ("in_doubt", "the engine cannot know whether it was carried out"),
        ("dropped", "given up by a person"),
    ),
    "reason of a refused effect": (
        ("consent", "the customer has not agreed to the purpose that the channel's policy names"),
        ("suppressed", "the address is on the list of those that must not be written to"),
        ("no_address", "the customer has no address on this channel"),
        ("no_policy", "the channel has no policy, so nobody may be written to"),
        ("cap", "the customer has had as many messages as the policy's caps allow"),
        ("only_to", "retain.yaml limits messages to some addresses, and this is none of them"),
        ("quiet_hours", "delayed until the customer's quiet hours end"),
    ),
    "how a run ended": (
        ("goal", "the customer did what the rule was for"),
        ("done", "its steps are done"),
        ("stop", "a stop step; its reason is in the decisions of the run"),
        ("restart", "the key started anew (mode: restart)"),
        ("merged", "two customers became one, and only one run may live"),
        ("failed", "a dead letter was dropped"),
        ("stopped", "a person ended it"),
        ("edited", "the rule was edited (on_change: exit)"),
    ),
    "reason of a rejected message": (
        ("no_identity", "it names no user, no anonymous id and no address"),
        ("bad_json", "it is not one JSON object"),
    ),
}
