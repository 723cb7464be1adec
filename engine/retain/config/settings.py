"""retain.yaml as a value. A project needs no more in it than `version: 1`."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from retain.config.keys import KEYS
from retain.config.reading import read_section
from retain.config.secrets import Secret, reveal, secrets_in
from retain.errors import ConfigError
from retain.instants import DAY, HOUR, SECOND, format_duration
from retain.language.documents.nodes import MapNode, SourceFile
from retain.language.documents.shapes import misfit
from retain.language.documents.yaml import read_yaml
from retain.language.rules import Limit
from retain.model import Fields, Json, Millis, Problem

FILE = "retain.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteKey:
    """One sender's key; its name is the source of the sender's events."""

    name: str
    key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    """Where events come in."""

    host: str = "127.0.0.1"
    port: int = 8787
    keys: tuple[WriteKey, ...] = ()
    cors: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicConfig:
    """Where customers see pages; `url` "" serves none."""

    host: str = "127.0.0.1"
    port: int = 8788
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlyTo:
    """Who may be written to while this is set; every other message goes to `redirect`, or nowhere.

    `allow` holds addresses and domains (`example.com`), casefolded.
    """

    allow: tuple[str, ...] = ()
    redirect: str = ""

    @property
    def is_set(self) -> bool:
        """Whether messages are limited at all."""
        return bool(self.allow or self.redirect)

    def recipient(self, address: str) -> str:
        """The address that a message for `address` goes to; "" where it must not be sent."""
        folded = address.casefold()
        if not self.is_set or folded in self.allow or folded.rpartition("@")[2] in self.allow:
            return address
        return self.redirect


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """What the daemon writes to stderr."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long things are kept; None is for ever."""

    decisions: Millis | None = None
    rejects: Millis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One project's configuration; a text that is a secret shows as `***` until it is revealed."""

    project_dir: Path
    name: str = ""
    store: str = "retain.db"
    lease: Millis = 10 * SECOND
    zone: str = "UTC"
    http: HttpConfig = field(default_factory=HttpConfig)
    public: PublicConfig = field(default_factory=PublicConfig)
    allow_plugins: tuple[str, ...] | None = None
    plugins: Mapping[str, Fields] = field(default_factory=dict)  # by plugin, with `Secret`s
    only_to: OnlyTo = field(default_factory=OnlyTo)
    max_lateness: Millis = DAY
    breaker: Limit = field(default_factory=lambda: Limit(count=1000, per=HOUR))
    retention: Retention = field(default_factory=Retention)
    strict_events: bool = False
    reload: Literal["signal", "watch"] = "signal"
    log: LogConfig = field(default_factory=LogConfig)
    nodes: MapNode | None = field(default=None, repr=False, compare=False)  # for the places of plugins' problems

    def store_location(self) -> str:
        """The store's file as an absolute path, or the database's URL.

        Raises:
            ConfigError: it is a secret that cannot be read.
        """
        location: str = reveal(self.store)
        return location if "://" in location else str(self.project_dir / location)

    def write_keys(self) -> dict[str, str]:
        """The name of the source by write key; empty where none is configured.

        Raises:
            ConfigError: a key cannot be read, is too short, or two are the same.
        """
        names: dict[str, str] = {}
        for write_key in self.http.keys:
            key = write_key.key.reveal()
            if len(key) < 8:
                raise ConfigError(
                    f"the write key of {write_key.name} is shorter than 8 characters",
                    where=write_key.key.reference,
                    cure="make one with: openssl rand -hex 16",
                )
            if key in names:
                raise ConfigError(
                    f"{names[key]} and {write_key.name} have the same write key", where=f"{FILE}: http.keys"
                )
            names[key] = write_key.name
        return names

    def plugin_config(self, name: str, declared: Collection[str] = ()) -> dict[str, Json]:
        """A plugin's section with its secrets revealed, and `project_dir`.

        Args:
            name: the plugin's.
            declared: the keys that the plugin declares; `public_url` among them is `public.url` where it is not given.

        Raises:
            ConfigError: a secret cannot be read.
        """
        own = reveal(self.plugins.get(name, {}))
        return {**self.shared_with(declared), **own, "project_dir": str(self.project_dir)}

    def shared_with(self, declared: Collection[str]) -> dict[str, Json]:
        """What a plugin that declares these keys is told where its own section does not say it."""
        return {"public_url": self.public.url} if "public_url" in declared and self.public.url else {}

    def warnings(self) -> list[str]:
        """What is careless about how secrets are kept."""
        found = [*secrets_in(self.store), *(key.key for key in self.http.keys), *secrets_in(self.plugins)]
        return [warning for secret in found if (warning := secret.warning())]

    def shown(self) -> dict[str, Json]:
        """The whole configuration with its defaults, as plain JSON without any secret in it."""
        return {
            "version": 1,
            "name": self.name,
            "store": _show(self.store),
            "zone": self.zone,
            "http": {
                "listen": listen_text(self.http.host, self.http.port),
                "keys": [{"name": key.name, "key": _show(key.key)} for key in self.http.keys],
                "cors": list(self.http.cors),
            },
            "public": {"listen": listen_text(self.public.host, self.public.port), "url": self.public.url},
            "plugins": {
                "allow": None if self.allow_plugins is None else list(self.allow_plugins),
                **{name: _show(section) for name, section in self.plugins.items()},
            },
            "only_to": {"allow": list(self.only_to.allow), "redirect": self.only_to.redirect},
            "max_lateness": format_duration(self.max_lateness),
            "breaker": f"{self.breaker.count} per {format_duration(self.breaker.per)}",
            "retention": {
                "decisions": _duration_text(self.retention.decisions),
                "rejects": _duration_text(self.retention.rejects),
            },
            "strict_events": self.strict_events,
            "reload": self.reload,
            "log": {"format": self.log.format, "level": self.log.level},
        }


def load_config(project_dir: Path) -> Config:
    """The configuration of a project.

    Raises:
        ConfigError: there is no retain.yaml, or it holds problems; all of them are in the text.
    """
    path = project_dir / FILE
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError as error:
        cure = "run this in a project's folder, or make a project with: retain init DIR"
        raise ConfigError(f"there is no {FILE} in {project_dir}", cure=cure) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read {path}: {reason}") from error
    config, problems = read_config(text, project_dir)
    if config is None or problems:
        raise ConfigError("\n".join(problem.render() for problem in problems))
    return config


def read_config(text: str, project_dir: Path) -> tuple[Config | None, list[Problem]]:
    """The configuration that a text says, with all of its problems; None where it is no map at all."""
    root, problems = read_yaml(text, FILE)
    if not isinstance(root, MapNode):
        empty = SourceFile(FILE, text).problem("E210", f"{FILE} is empty", 0, 1, "write version: 1")
        return None, problems or [empty if root is None else misfit(root, "a map", FILE, "write version: 1")]
    values = read_section(root, KEYS, FILE, project_dir, problems)
    return _config(values, root, project_dir), problems


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _config(values: dict[str, Json], root: MapNode, project_dir: Path) -> Config:
    http, public, only_to = values["http"], values["public"], values["only_to"]
    plugins = values["plugins"]
    keys = [key for key in http["keys"] if key["name"] and isinstance(key["key"], Secret)]
    return Config(
        project_dir=project_dir,
        name=values["name"] or project_dir.resolve().name,
        store=values["store"],
        lease=values["lease"] or 10 * SECOND,
        zone=values["zone"],
        http=HttpConfig(
            host=http["listen"][0],
            port=http["listen"][1],
            keys=tuple(WriteKey(name=key["name"], key=key["key"]) for key in keys),
            cors=tuple(http["cors"]),
        ),
        public=PublicConfig(host=public["listen"][0], port=public["listen"][1], url=public["url"]),
        allow_plugins=None if plugins["allow"] is None else tuple(plugins["allow"]),
        plugins=plugins["sections"],
        only_to=OnlyTo(
            allow=tuple(name.casefold().lstrip("@") for name in only_to["allow"]),
            redirect=only_to["redirect"],
        ),
        max_lateness=values["max_lateness"] or DAY,
        breaker=values["breaker"] or Limit(count=1000, per=HOUR),
        retention=Retention(**values["retention"]),
        strict_events=values["strict_events"],
        reload=values["reload"],
        log=LogConfig(**values["log"]),
        nodes=root,
    )


def _show(value: Json) -> Json:
    """Plain JSON with `*** (env:NAME)` for each secret: where it is kept is no secret."""
    if isinstance(value, Secret):
        return f"{value} ({value.reference})"
    if isinstance(value, Mapping):
        return {key: _show(item) for key, item in value.items()}
    return [_show(item) for item in value] if isinstance(value, list | tuple) else value


def listen_text(host: str, port: int) -> str:
    """Address and port as they are written."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _duration_text(millis: Millis | None) -> str | None:
    return None if millis is None else format_duration(millis)
