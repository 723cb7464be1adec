"""Problem codes of rule files as such (E2xx): YAML, keys, and values that are not what they should be."""

from __future__ import annotations

from collections.abc import Mapping

from retain.language.codes.code import Code, table

FILE_CODES: Mapping[str, Code] = table(
    Code(
        "E201",
        "not YAML",
        "The text cannot be read as YAML, so nothing in the file can be. The most frequent cause is a "
        "condition with quotes or ': ' in it that is not in quotes itself.",
        "- 'vip' in customer.tags",
        "- \"customer.tags contains 'vip'\"",
    ),
    Code(
        "E202",
        "too large",
        "A file has at most 1 MB, and lists and maps in it are nested at most 50 deep.",
        "a file of 2 MB",
        "several files in rules/",
    ),
    Code(
        "E203",
        "tab",
        "YAML indents with spaces only; a tab looks like some number of them and is none.",
        "<tab>when: {event: signed_up}",
        "two spaces before when:",
    ),
    Code(
        "E204",
        "strange character",
        "Control characters and broken UTF-8 come from copying out of other programs; nobody can see them.",
        "a byte that is no UTF-8",
        "save the file as UTF-8 text",
    ),
    Code(
        "E205",
        "key given twice",
        "Of two equal keys in one map YAML silently keeps one. Which one, nobody could tell.",
        "a rule with two when:",
        "one when: with a list",
    ),
    Code(
        "E206",
        "not part of rule files",
        "Tags, merge keys, second documents and keys that are no text make a file hard to read and to check.",
        "template: {{ name }}",
        'template: "{{ name }}"',
    ),
    Code(
        "E207",
        "alias",
        "An alias must name an anchor before it, must not contain itself, and must not make the file more "
        "than 10,000 parts longer.",
        "then: *steps without an &steps",
        "write the steps out",
    ),
    Code(
        "E208",
        "version",
        "The version says which grammar a file is written in, so that a later program still reads it rightly.",
        "a file without version",
        "version: 1",
    ),
    Code(
        "E210",
        "wrong kind of value",
        "The key is known, but not with a value of this kind.",
        "if: event.total > 20",
        "if: [event.total > 20]",
    ),
    Code(
        "E211",
        "unknown key",
        "A misspelt key would be ignored, and the rule would do something else than it says.",
        "exit_wen: [...]",
        "exit_when: [...]",
    ),
    Code(
        "E212",
        "missing key",
        "Without this key the part says nothing.",
        "a rule without then:",
        "then: with a list of steps",
    ),
    Code(
        "E213",
        "not one of the words",
        "The key takes one of a few words.",
        "mode: replace",
        "mode: restart",
    ),
    Code(
        "E214",
        "not a duration",
        "A duration is a number with its unit.",
        "wait: 90",
        "wait: 90m",
    ),
    Code(
        "E215",
        "not a number per duration",
        "Limits are counted within a window that moves along.",
        "at_most: 3 a week",
        "at_most: 3 per 7d",
    ),
    Code(
        "E216",
        "out of range",
        "The number is too small or too large for what it counts.",
        "holdout: 120%",
        "holdout: 10%",
    ),
    Code(
        "E217",
        "defined twice",
        "Rules, segments and the like are known by their names in all files together.",
        "two rules called welcome",
        "another name for one of them",
    ),
    Code(
        "E218",
        "not a name",
        "Names stand in expressions, paths and addresses, so they have few characters.",
        "id: first mail",
        "id: first_mail",
    ),
    Code(
        "E219",
        "keys that exclude each other",
        "The two keys say two different things about one matter.",
        'wait: {for: 1h, until: "09:00"}',
        "one of them",
    ),
    Code(
        "E120",
        "depends on itself",
        "Segments and metrics may name one another, but not in a circle: no value would come out.",
        "a: metrics.b + 1 and b: metrics.a + 1",
        "a: count(order_completed) + 1",
    ),
)
