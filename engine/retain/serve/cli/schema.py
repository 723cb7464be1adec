"""`retain schema`."""

from __future__ import annotations

import click

from retain.app.projects.schemas import config_schema, rules_schema
from retain.serve.cli.context import project_dir
from retain.serve.cli.output import print_json


@click.command("schema")
@click.option("--config", "of_config", is_flag=True, help="The schema of retain.yaml instead.")
@click.option("--json", "_as_json", is_flag=True, expose_value=False, help="The output is JSON in any case.")
def command(of_config: bool) -> None:
    """Print the JSON Schema of rule files, for completion in an editor.

    It knows the actions of the installed plugins and, in a project, its events, fields and templates. At the top of a
    rule file:
    # yaml-language-server: $schema=../schemas/rules.schema.json
    """
    print_json(config_schema(project_dir()) if of_config else rules_schema(project_dir()))
