"""retain.yaml: what it may say, what holds where it says nothing, and what is wrong where."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from retain.config.checks import check_listen, check_plugin_sections
from retain.config.keys import KEYS, Key, config_json_schema, config_reference
from retain.config.reading import listen_address
from retain.config.settings import Config, OnlyTo, load_config, read_config
from retain.errors import ConfigError
from retain.instants import DAY, HOUR
from retain.language.rules import Limit

HERE = Path("project")

FULL = """\
version: 1
name: Tea shop
store: data/tea.db
zone: Europe/Vienna
http:
  listen: 0.0.0.0:9000
  keys:
    - {name: shop, key: env:SHOP_KEY}
    - {name: app, key: "file:secrets/app"}
  cors: [https://tea.example.com]
public:
  listen: "[::1]:9001"
  url: https://news.example.com/
plugins:
  allow: [email, tasks]
  email: {host: mail.example.com, password: env:SMTP_PASSWORD}
only_to: {allow: [Ann@Example.com, "@tea.example.com"], redirect: test@example.com}
max_lateness: 2d
breaker: 50 per 10m
retention: {decisions: 90d}
strict_events: true
reload: watch
log: {format: json, level: debug}
"""


def read(text: str) -> Config:
    config, problems = read_config(text, HERE)
    assert config is not None
    assert not problems, [problem.render() for problem in problems]
    return config


def problems_of(text: str) -> list[str]:
    return [f"{problem.place} {problem.message} | {problem.help}" for problem in read_config(text, HERE)[1]]


def test_a_project_needs_no_more_than_its_version() -> None:
    config = read("version: 1")
    assert config == Config(project_dir=HERE, name="project")
    assert (config.http.host, config.http.port) == ("127.0.0.1", 8787)
    assert (config.max_lateness, config.breaker) == (DAY, Limit(count=1000, per=HOUR))


def test_every_key_is_read() -> None:
    config = read(FULL)
    assert (config.name, config.zone, config.strict_events, config.reload) == (
        "Tea shop",
        "Europe/Vienna",
        True,
        "watch",
    )
    assert (config.http.host, config.http.port) == ("0.0.0.0", 9000)
    assert [key.name for key in config.http.keys] == ["shop", "app"]
    assert config.http.cors == ("https://tea.example.com",)
    assert (config.public.host, config.public.port, config.public.url) == ("::1", 9001, "https://news.example.com")
    assert config.allow_plugins == ("email", "tasks")
    assert config.plugins["email"]["host"] == "mail.example.com"
    assert (config.max_lateness, config.breaker) == (2 * DAY, Limit(count=50, per=HOUR // 6))
    assert (config.retention.decisions, config.retention.rejects) == (90 * DAY, None)
    assert (config.log.format, config.log.level) == ("json", "debug")
    assert config.store_location() == str(HERE / "data/tea.db")


def test_a_store_may_be_a_url() -> None:
    assert read("version: 1\nstore: postgresql://db/tea").store_location() == "postgresql://db/tea"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "retain.yaml:1:1 retain.yaml is empty | write version: 1"),
        ("- a", "retain.yaml:1:1 retain.yaml must be a map, not a list | write version: 1"),
        ("zone: UTC", "retain.yaml:1:1 retain.yaml needs 'version' | add version: …"),
        ("version: 2", "retain.yaml:1:10 version must be 1, not 2 | write version: 1"),
        ("version: 1\nrelod: watch", "retain.yaml:2:1 retain.yaml has no key 'relod' | did you mean reload?"),
        ("version: 1\nhttp:\n  port: 80", "retain.yaml:3:3 http has no key 'port' | known: cors, keys, listen"),
        ("version: 1\nhttp: 80", "retain.yaml:2:7 http must be a map, not 80 "
         "| write its keys below it, indented further, each as KEY: VALUE"),
        ("version: 1\nzone: Europe/Berln",
         "retain.yaml:2:7 zone must be a time zone such as Europe/Berlin, not the text 'Europe/Berln' "
         "| did you mean Europe/Berlin?"),
        ("version: 1\nhttp: {listen: somewhere}",
         "retain.yaml:2:16 listen must be an address and a port, not the text 'somewhere' | write 127.0.0.1:8787"),
        ("version: 1\nhttp:\n  keys:\n    - name: shop\n      key: in-the-open",
         "retain.yaml:5:12 key must be a reference to a secret "
         "| write env:NAME or file:PATH, so that the secret does not stand in this file"),
        ("version: 1\nhttp:\n  keys:\n    - name: shop", "retain.yaml:4:7 each of keys needs 'key' | add key: …"),
        ("version: 1\npublic: {url: http://news.example.com}",
         "retain.yaml:2:15 url must be an https URL without a query, not the text 'http://news.example.com' "
         "| write https://news.example.com"),
        ("version: 1\nmax_lateness: 3",
         "retain.yaml:2:15 max_lateness must be a duration, not 3 | say which unit: 3m, 3h or 3d"),
        ("version: 1\nonly_to: example.test",
         "retain.yaml:2:10 redirect must be an e-mail address, not the text 'example.test' "
         "| write one, or a list of who may be written to: [example.test]"),
        ("version: 1\nbreaker: many",
         "retain.yaml:2:10 breaker must be a number per duration, not the text 'many' | write 2 per 7d"),
        ("version: 1\nstrict_events: yes",
         "retain.yaml:2:16 strict_events must be true or false, not the text 'yes' "
         "| write true or false, without quotes"),
        ("version: 1\nlog: {level: debg}",
         "retain.yaml:2:14 level must be one of debug, info, warning, error, not the text 'debg' "
         "| did you mean debug?"),
        ("version: 1\nplugins: {email: 5}", "retain.yaml:2:18 the section of email must be a map, not 5 "
         "| write its keys below it, indented further, each as KEY: VALUE"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_place_with_its_cure(text: str, expected: str) -> None:
    assert problems_of(text) == [expected]


def test_all_problems_are_reported_at_once() -> None:
    assert len(problems_of("version: 1\nzone: Nowhere\nreload: now\nextra: 1\n")) == 3


def test_a_wrong_file_is_one_error_with_all_problems(tmp_path: Path) -> None:
    (tmp_path / "retain.yaml").write_text("version: 1\nreload: now\nextra: 1\n")
    with pytest.raises(ConfigError, match=r"(?s)retain\.yaml:3:1.*retain\.yaml:2:9"):
        load_config(tmp_path)


def test_a_folder_without_the_file_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="retain init"):
        load_config(tmp_path)


def test_a_good_file_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "retain.yaml").write_text(FULL)
    assert load_config(tmp_path).name == "Tea shop"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8787", ("127.0.0.1", 8787)),
        ("8787", ("127.0.0.1", 8787)),
        (":8787", ("0.0.0.0", 8787)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:80", ("::1", 80)),
        ("shop.internal:80", ("shop.internal", 80)),
        ("127.0.0.1", None),
        ("127.0.0.1:99999", None),
        ("a b:80", None),
        ("", None),
    ],
)
def test_an_address_to_listen_on(text: str, address: tuple[str, int] | None) -> None:
    assert listen_address(text) == address


@pytest.mark.parametrize("listen", ["0.0.0.0:80", ":80", "[::]:80", "10.0.0.5:80", "shop.internal:80"])
def test_without_keys_only_loopback_may_be_listened_on(listen: str) -> None:
    config = read(f'version: 1\nhttp: {{listen: "{listen}"}}')
    (error,) = check_listen(config)
    assert error.cure == "add http.keys, or listen on 127.0.0.1"
    with_key = read(f'version: 1\nhttp: {{listen: "{listen}", keys: [{{name: a, key: env:A}}]}}')
    assert check_listen(with_key) == []


@pytest.mark.parametrize("listen", ["127.0.0.1:80", "127.8.8.8:80", "[::1]:80", "localhost:80"])
def test_loopback_needs_no_keys(listen: str) -> None:
    assert check_listen(read(f'version: 1\nhttp: {{listen: "{listen}"}}')) == []


@pytest.mark.parametrize(
    ("only_to", "address", "goes_to"),
    [
        (OnlyTo(), "bob@example.com", "bob@example.com"),
        (OnlyTo(allow=("ann@example.com",)), "Ann@Example.com", "Ann@Example.com"),
        (OnlyTo(allow=("ann@example.com",)), "bob@example.com", ""),
        (OnlyTo(allow=("example.com",)), "bob@EXAMPLE.com", "bob@EXAMPLE.com"),
        (OnlyTo(allow=("example.com",)), "bob@sub.example.com", ""),
        (OnlyTo(redirect="me@example.com"), "bob@example.com", "me@example.com"),
        (OnlyTo(allow=("example.com",), redirect="me@x.org"), "bob@example.com", "bob@example.com"),
    ],
)
def test_staging_writes_to_nobody_else(only_to: OnlyTo, address: str, goes_to: str) -> None:
    assert only_to.recipient(address) == goes_to


def test_only_to_has_short_forms() -> None:
    assert read("version: 1\nonly_to: [example.com]").only_to == OnlyTo(allow=("example.com",))
    assert read("version: 1\nonly_to: me@example.com").only_to == OnlyTo(redirect="me@example.com")


SCHEMAS = {
    "email": {
        "type": "object",
        "properties": {
            "host": {"type": "string"},
            "password": {"type": "string", "writeOnly": True},
            "pool": {"type": "object", "properties": {"size": {"type": "integer"}}},
        },
        "required": ["host"],
        "additionalProperties": False,
    }
}


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("email: {host: a, password: env:P}", []),
        ("email: {host: a, pasword: env:P}", ["2:28 email has no key 'pasword' | did you mean password?"]),
        ("email: {}", ["2:18 email: 'host' is a required property | add it"]),
        ("email: {host: a, pool: {size: big}}", ["2:41 email.pool.size must be a whole number, not the text 'big' | "]),
        ("email: {host: a, password: open}",
         ["2:38 email.password must be a reference to a secret "
          "| write env:NAME or file:PATH, so that the secret does not stand in this file"]),
        ("emial: {host: a}", ["2:11 no plugin 'emial' with a configuration is loaded | did you mean email?"]),
    ],
)  # fmt: skip
def test_a_plugins_section_is_checked_by_its_own_schema(section: str, expected: list[str]) -> None:
    config = read(f"version: 1\nplugins: {{{section}}}")
    found = [
        f"{problem.place} {problem.message} | {problem.help}" for problem in check_plugin_sections(config, SCHEMAS)
    ]
    assert found == [f"retain.yaml:{problem}" for problem in expected]


def test_the_section_of_a_disabled_plugin_says_why_the_plugin_is_disabled() -> None:
    config = read("version: 1\nplugins: {sms: {url: a}}")
    (problem,) = check_plugin_sections(config, SCHEMAS, {"sms": "unknown hook 'register_action'"})
    assert (str(problem.place), problem.help) == ("retain.yaml:2:11", "unknown hook 'register_action'")


def test_a_plugin_that_asks_for_the_public_url_gets_the_projects() -> None:
    config = read("version: 1\npublic: {url: https://news.example.com}\nplugins: {email: {host: a}}")
    given = {"host": "a", "project_dir": "project"}
    assert config.plugin_config("email") == given
    assert config.plugin_config("email", ["public_url"]) == {**given, "public_url": "https://news.example.com"}


def test_the_schema_accepts_what_is_shown() -> None:
    Draft202012Validator.check_schema(config_json_schema(SCHEMAS))
    validator = Draft202012Validator(config_json_schema())
    assert validator.is_valid({"version": 1})
    assert not validator.is_valid({"version": 1, "relod": "watch"})
    assert not validator.is_valid({"version": 1, "http": {"keys": [{"name": "a", "key": "open"}]}})


def test_the_reference_names_every_key() -> None:
    def paths(keys: tuple[Key, ...], prefix: str = "") -> list[str]:
        return [
            path
            for key in keys
            for path in (prefix + key.name, *paths(key.keys, f"{prefix}{key.name}{'[]' * (key.kind == 'list')}."))
        ]

    text = config_reference()
    assert all(f"| `{path}` |" in text for path in paths(KEYS))


@given(st.text(alphabet="version: 1\nhttp{}[]listen,keys-'\"&*#|>store:env", max_size=120))
def test_any_text_gives_a_configuration_or_problems(text: str) -> None:
    config, problems = read_config(text, HERE)
    assert config is not None or problems
