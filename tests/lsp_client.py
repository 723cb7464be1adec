"""A small client of the Language Server Protocol over standard input and output, as an editor has one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]


class LanguageServer:
    """One running server that knows a project and one schema for its rule files."""

    def __init__(self, command: Sequence[str], folder: Path, schema: Path) -> None:
        self.settings = {
            "yaml": {"schemas": {schema.as_uri(): "rules/*.yaml"}, "validate": True, "hover": True, "completion": True},
            "http": {"proxy": "", "proxyStrictSSL": False},
        }
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.asked = 0
        self.diagnostics: dict[str, list[Message]] = {}
        root = {"uri": folder.as_uri(), "name": folder.name}
        can = {"workspace": {"configuration": True}, "textDocument": {"hover": {"contentFormat": ["markdown"]}}}
        self.ask("initialize", processId=None, rootUri=root["uri"], workspaceFolders=[root], capabilities=can)
        self.tell("initialized")
        self.tell("workspace/didChangeConfiguration", settings=self.settings)

    def open(self, path: Path, text: str) -> list[Message]:
        """Open a document and wait for what the server has against it."""
        uri = path.as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.diagnostics.pop(uri, None)
        self.tell("textDocument/didOpen", textDocument=document)
        while uri not in self.diagnostics:
            self._take(self._read())
        return self.diagnostics[uri]

    def completions(self, path: Path, line: int, column: int) -> set[str]:
        """What the server offers at a place, counted from 0."""
        found = self.ask("textDocument/completion", **_at(path, line, column))
        items = found["items"] if isinstance(found, dict) else found or []
        return {item["label"] for item in items}

    def hover(self, path: Path, line: int, column: int) -> str:
        """What the server says about a place."""
        found = self.ask("textDocument/hover", **_at(path, line, column))
        contents = found["contents"] if found else ""
        return contents["value"] if isinstance(contents, dict) else str(contents)

    def close(self) -> None:
        """End the server."""
        self.ask("shutdown")
        self.tell("exit")
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a request; whatever else comes before it is taken."""
        self.asked += 1
        self._write({"id": self.asked, "method": method, "params": params or None})
        while True:
            message = self._read()
            if message.get("id") == self.asked and "method" not in message:
                assert "error" not in message, message["error"]
                return message.get("result")
            self._take(message)

    def tell(self, method: str, **params: Any) -> None:
        """A message without an answer."""
        self._write({"method": method, "params": params})

    def _take(self, message: Message) -> None:
        if message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif message.get("method") == "workspace/configuration":
            parts = [self.settings.get(item.get("section", ""), {}) for item in message["params"]["items"]]
            self._write({"id": message["id"], "result": parts})
        elif "id" in message and "method" in message:
            self._write({"id": message["id"], "result": None})

    def _write(self, message: Message) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self.process.stdin.flush()

    def _read(self) -> Message:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: Message = json.loads(self.process.stdout.read(length))
        return message


def _at(path: Path, line: int, column: int) -> dict[str, Any]:
    return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": column}}
