"""Who a message is about: user ids, anonymous ids and addresses to customers.

A message with a user id belongs to that user's customer. An anonymous id that is not known yet is linked to it; a user
id that is not known yet is linked to the anonymous id's customer, if that has no user id. Only an identify and an alias
join two known customers: an identify absorbs an anonymous customer that has no user id (so a shared device never joins
two users), an alias whatever it names. An identify links an address that nobody has; no address joins customers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import TypeAlias

from retain.model import Instant, Message, MessageKind
from retain.store.database import Row, Session

Identity: TypeAlias = tuple[int, str]


class IdentityKind(IntEnum):
    """What an identity is; the number is stored."""

    USER = 1
    ANONYMOUS = 2
    EMAIL = 3


USER, ANONYMOUS, EMAIL = IdentityKind.USER.value, IdentityKind.ANONYMOUS.value, IdentityKind.EMAIL.value
_WORDS = {"user": USER, "anonymous": ANONYMOUS, "email": EMAIL}
_PREFIX = {number: word for word, number in _WORDS.items()}


def identity_of_key(key: str) -> Identity | None:
    """The identity that a customer's key is made of: `user:17` is (USER, "17"); None where it is no key."""
    word, colon, value = key.partition(":")
    kind = _WORDS.get(word)
    if kind is None or not colon or not value:
        return None
    return kind, normal_address(value) if kind == EMAIL else value


def key_of(identity: Identity) -> str:
    """The key of a customer that is first known by this identity."""
    return f"{_PREFIX[identity[0]]}:{identity[1]}"


def normal_address(address: str) -> str:
    """The form in which addresses are compared."""
    return address.strip().casefold()


class IdentityCache:
    """The identities used last, up to a bound, so that most messages are placed without a query.

    They are kept in two halves: once the younger one is full, the older one is let go.
    """

    def __init__(self, size: int = 50_000) -> None:
        self._half = max(1, size // 2)
        self._young: dict[Identity, int] = {}
        self._old: dict[Identity, int] = {}

    def get(self, identity: Identity) -> int | None:
        """The customer, if it is remembered."""
        customer = self._young.get(identity)
        if customer is None:
            customer = self._old.get(identity)
            if customer is not None:
                self._young[identity] = customer
        return customer

    def update(self, found: Iterable[tuple[Identity, int]]) -> None:
        """Remember what is committed."""
        self._young.update(found)
        if len(self._young) > self._half:
            self._old, self._young = self._young, {}

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old = {}, {}


class Resolver:
    """Places the messages of one transaction; what it learns is given to the cache once that is committed."""

    def __init__(self, session: Session, cache: IdentityCache, last_customer: int) -> None:
        self._session = session
        self._cache = cache
        self._new_identities: list[tuple[int, str, int]] = []
        self._new_customers: list[Row] = []
        self._with_user: dict[int, bool] = {}
        self.last_customer = last_customer
        self.known: dict[Identity, int] = {}

    def load(self, wanted: Iterable[Identity]) -> None:
        """Look up identities, in few queries for all that the cache does not hold."""
        missing: dict[int, list[str]] = {}
        for identity in wanted:
            if identity in self.known:
                continue
            customer = self._cache.get(identity)
            if customer is None:
                missing.setdefault(identity[0], []).append(identity[1])
            else:
                self.known[identity] = customer
        for kind, values in missing.items():
            sql = "SELECT value, customer FROM identities WHERE kind = ? AND value IN {wanted}"
            for value, customer in self._session.rows_in(sql, values, before=(kind,)):
                self.known[kind, value] = customer

    def place(self, message: Message, seq: int) -> tuple[int, int | None]:
        """The customer of a message, and the customer that it absorbs."""
        if message.kind is MessageKind.ALIAS:
            return self._alias(message, seq)
        anonymous = (ANONYMOUS, message.anonymous_id) if message.anonymous_id else None
        absorbed = None
        if message.user_id:
            customer, absorbed = self._user((USER, message.user_id), anonymous, message, seq)
        else:
            customer = self._known_or_new(anonymous or (EMAIL, normal_address(message.email)), message, seq)
        address = _traits_address(message)
        if address is not None and address not in self.known:
            self._link(address, customer)
        return customer, absorbed

    def create(self, identity: Identity, first_seen: Instant, seq: int) -> int:
        """A new customer that is first known by this identity."""
        self.last_customer += 1
        self._new_customers.append((self.last_customer, key_of(identity), "{}", "{}", first_seen, seq))
        self._link(identity, self.last_customer)
        return self.last_customer

    def flush(self) -> None:
        """Write the customers and identities that were made."""
        self._session.change_many(
            "INSERT INTO customers (id, key, fields, stamps, first_seen, first_seq) VALUES (?, ?, ?, ?, ?, ?)",
            self._new_customers,
        )
        self._session.change_many(
            "INSERT INTO identities (kind, value, customer) VALUES (?, ?, ?)", self._new_identities
        )
        self._new_customers.clear()
        self._new_identities.clear()

    def _user(self, user: Identity, anonymous: Identity | None, message: Message, seq: int) -> tuple[int, int | None]:
        visitor = self.known.get(anonymous) if anonymous else None
        customer = self.known.get(user)
        if customer is None and visitor is not None and not self._has_user(visitor):
            self._link(user, visitor)
            return visitor, None
        if customer is None:
            customer = self.create(user, message.occurred_at, seq)
        if anonymous and visitor is None:
            self._link(anonymous, customer)
        if (
            visitor is None
            or visitor == customer
            or message.kind is not MessageKind.IDENTIFY
            or self._has_user(visitor)
        ):
            return customer, None
        self._absorb(visitor, customer)
        return customer, visitor

    def _alias(self, message: Message, seq: int) -> tuple[int, int | None]:
        target = (USER, message.user_id) if message.user_id else (ANONYMOUS, message.anonymous_id)
        names = _previous(message.previous_id)
        previous = next((self.known[name] for name in names if name in self.known), None)
        customer = self.known.get(target)
        if previous is None:
            customer = self._known_or_new(target, message, seq)
            if (ANONYMOUS, message.previous_id) != target and message.previous_id:
                self._link((ANONYMOUS, message.previous_id), customer)
            return customer, None
        if customer is None:
            self._link(target, previous)
            return previous, None
        if customer == previous:
            return customer, None
        self._absorb(previous, customer)
        return customer, previous

    def _known_or_new(self, identity: Identity, message: Message, seq: int) -> int:
        customer = self.known.get(identity)
        return self.create(identity, message.occurred_at, seq) if customer is None else customer

    def _link(self, identity: Identity, customer: int) -> None:
        self.known[identity] = customer
        self._new_identities.append((*identity, customer))
        if identity[0] == USER:
            self._with_user[customer] = True

    def _has_user(self, customer: int) -> bool:
        known = self._with_user.get(customer)
        if known is None:
            sql = "SELECT 1 FROM identities WHERE customer = ? AND kind = ? LIMIT 1"
            known = self._with_user[customer] = self._session.row(sql, (customer, USER)) is not None
        return known

    def _absorb(self, loser: int, survivor: int) -> None:
        """From here on the loser's identities are the survivor's; its rows follow when the merge is decided."""
        self.flush()
        self.known.update(move_identities(self._session, loser, survivor))
        self._with_user[survivor] = self._has_user(survivor) or self._has_user(loser)


def move_identities(session: Session, loser: int, survivor: int) -> dict[Identity, int]:
    """Give a customer's identities to another; which ones they are."""
    moved = session.rows("SELECT kind, value FROM identities WHERE customer = ?", (loser,))
    session.change("UPDATE identities SET customer = ? WHERE customer = ?", (survivor, loser))
    return dict.fromkeys(moved, survivor)


def identities_of(messages: Sequence[Message]) -> set[Identity]:
    """All identities that placing the messages may ask for."""
    wanted: set[Identity] = set()
    for message in messages:
        if message.user_id:
            wanted.add((USER, message.user_id))
        if message.anonymous_id:
            wanted.add((ANONYMOUS, message.anonymous_id))
        if message.email:
            wanted.add((EMAIL, normal_address(message.email)))
        if message.kind is MessageKind.ALIAS:
            wanted.update(_previous(message.previous_id))
        address = _traits_address(message)
        if address is not None:
            wanted.add(address)
    return wanted


def _previous(name: str) -> tuple[Identity, ...]:
    return ((USER, name), (ANONYMOUS, name), (EMAIL, normal_address(name)))


def _traits_address(message: Message) -> Identity | None:
    if message.kind is not MessageKind.IDENTIFY:
        return None
    address = message.fields.get("email")
    return (EMAIL, normal_address(address)) if isinstance(address, str) and address.strip() else None
