"""Every error of Retain, as one tree. Each says where, what, and what to do about it.

RetainError                      exit code 2 unless a subclass says otherwise
├── ConfigError                  retain.yaml or a secret reference cannot be used
├── RuleError                    a rule file cannot be read, or holds problems (carries them)
│   └── ConditionError           one condition text is wrong (carries its one problem)
├── PluginError                  a plugin cannot be loaded, or broke its contract
├── StoreError                   the store cannot do what was asked
│   ├── StoreBusyError           another daemon holds the store
│   ├── StoreFullError           no space left; nothing false was acknowledged
│   ├── StoreUnavailableError    the database does not answer
│   ├── StoreConflictError       a record was changed by somebody else since it was read; decide again
│   └── SchemaVersionError       the store's tables are older or newer than this program
├── DecisionError                one event or timer cannot be decided; it is quarantined, the rest go on
│   ├── NeedsError               a decision read a fact that its plan did not declare
│   └── MissingInputError        a required input of an action has no value
├── IngestError                  one message from outside is refused (carries its reason code)
├── OverloadedError              more comes in than can be stored; the sender is asked to come back later
├── AdminError                   the running daemon cannot be asked, or answers with an error
├── NotFoundError                a name on the command line or in a request names nothing (with "did you mean")
└── DeliveryError                an action could not be carried out
    ├── TemporaryError           worth another try, perhaps later
    ├── PermanentError           never worth another try
    └── InDoubtError             the other side may have acted; the action's policy decides
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from retain.model import Problem, Suppress


class RetainError(Exception):
    """Something that a person can put right.

    Args:
        what: what is wrong, in one sentence without a full stop.
        where: a file with line and column, a rule path, an id; empty where there is no place.
        cure: what to do about it.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", cure: str = "") -> None:
        self.what = what
        self.where = where
        self.cure = cure
        super().__init__(self.render())

    def render(self) -> str:
        """The error as one text: where, what, and the cure on a line of its own."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  help: {self.cure}" if self.cure else head

    def __reduce__(self) -> tuple[object, ...]:
        """Whole for another process: what makes an error is not what its class is called with."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[RetainError], args: tuple[object, ...]) -> RetainError:
    return kind.__new__(kind, *args)


class ConfigError(RetainError):
    """retain.yaml or a secret reference cannot be used."""


class RuleError(RetainError):
    """A rule file cannot be read, or holds problems."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", cure: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(what, where=where, cure=cure)
        self.problems = tuple(problems)


class ConditionError(RuleError):
    """One condition text is wrong; `problem` says where in it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message, where=str(problem.place), cure=problem.help, problems=(problem,))
        self.problem = problem


class PluginError(RetainError):
    """A plugin cannot be loaded, or broke its contract."""


class StoreError(RetainError):
    """The store cannot do what was asked."""


class StoreBusyError(StoreError):
    """Another daemon holds the store."""


class StoreFullError(StoreError):
    """No space left on the device; nothing false was acknowledged."""


class StoreUnavailableError(StoreError):
    """The database does not answer."""


class StoreConflictError(StoreError):
    """A record was changed by somebody else since it was read; nothing was written, decide again from fresh facts."""


class SchemaVersionError(StoreError):
    """The store's tables are older or newer than this program."""


class DecisionError(RetainError):
    """One event or timer cannot be decided; it is quarantined and the rest go on."""


class RepeatedStartError(DecisionError):
    """A cause has started a run that had started before; decided again, the start is refused."""


class NeedsError(DecisionError):
    """A decision read a fact that its plan did not declare."""


class MissingInputError(DecisionError):
    """A required input of an action has no value."""


class IngestError(RetainError):
    """One message from outside is refused; `reason` is the code that reports and counters use."""

    def __init__(self, reason: str, what: str, *, where: str = "", cure: str = "") -> None:
        super().__init__(what, where=where, cure=cure)
        self.reason = reason


class OverloadedError(RetainError):
    """More comes in than can be stored; the sender is asked to come back after `after` seconds."""

    def __init__(self, what: str, *, where: str = "", cure: str = "", after: float = 1.0) -> None:
        super().__init__(what, where=where, cure=cure)
        self.after = after


class AdminError(RetainError):
    """The running daemon cannot be asked, or answers with an error, whose exit code this one then has."""


class NotFoundError(RetainError):
    """A name names nothing; the cure holds the nearest known name."""

    def __init__(self, kind: str, name: str, known: Iterable[str] = ()) -> None:
        super().__init__(
            f"no {kind} is called {name!r}", cure=did_you_mean(name, known) or _WHERE_NAMES_STAND.get(kind, "")
        )


_READ_AT_A_GLANCE = 240  # characters: three lines of a terminal
_MOST_ALIKE = 8
_WHERE_NAMES_STAND = {
    "event": "its message id or number stands in: retain customers show CUSTOMER",
    "customer": "name one by user id, anonymous id, e-mail address, or a key such as user:17",
    "run": "its id stands in: retain runs list",
    "task": "its id stands in: retain tasks list",
    "quarantined event": "its number stands in: retain events failed list",
}


class DeliveryError(RetainError):
    """An action could not be carried out."""


class TemporaryError(DeliveryError):
    """Worth another try, not before `after` seconds where the other side said so.

    Args:
        pause_channel: why the whole channel must stop until a person looks, e.g. the sender's password is refused.
    """

    def __init__(
        self, what: str, *, where: str = "", cure: str = "", after: float | None = None, pause_channel: str = ""
    ) -> None:
        super().__init__(what, where=where, cure=cure)
        self.after = after
        self.pause_channel = pause_channel


class PermanentError(DeliveryError):
    """Never worth another try.

    Args:
        suppress: the address that must never be written to again, where the failure says so.
        pause_channel: why the whole channel must stop until a person looks, e.g. the sender is blocked.
    """

    def __init__(
        self, what: str, *, where: str = "", cure: str = "", suppress: Suppress | None = None, pause_channel: str = ""
    ) -> None:
        super().__init__(what, where=where, cure=cure)
        self.suppress = suppress
        self.pause_channel = pause_channel


class InDoubtError(DeliveryError):
    """The other side may have acted and did not answer; the action's policy decides."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that an unknown one is most like; empty where it is like none."""
    names = sorted(set(known))
    near = get_close_matches(name, names, 1, 0.6)
    if not near:
        tail = name.rsplit(".", 1)[-1]
        near = [other for other in names if other.rsplit(".", 1)[-1] == tail]
    return near[0] if near else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The cure for an unknown name: the nearest known one; else all of them where they are few, or those most alike."""
    names = sorted(set(known))
    if near := nearest(name, names):
        return f"did you mean {near}?"
    if not names:
        return ""
    told = ", ".join(names)
    if len(names) <= _MOST_ALIKE or len(told) <= _READ_AT_A_GLANCE:
        return f"known: {told}"
    first = get_close_matches(name, names, _MOST_ALIKE, 0.0)
    return f"known: {', '.join(first)} and {len(names) - len(first)} more"
