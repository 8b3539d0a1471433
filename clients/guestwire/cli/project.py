"""`guestwire project`: configurations of hosts as documents: edited here, planned and applied there."""

import click

from guestwire.cli import (
    project_changes,
    project_checks,
    project_drafts,
    project_history,
    project_interchange,
    project_saved,
)
from guestwire.cli.settings import Noun

COMMANDS = (
    project_drafts.new,
    project_drafts.list_drafts,
    project_drafts.delete,
    project_drafts.show,
    project_drafts.set_values,
    project_drafts.add,
    project_drafts.remove,
    project_drafts.rename,
    project_drafts.edit,
    project_checks.validate,
    project_checks.diff,
    project_checks.plan,
    project_checks.status,
    project_history.history,
    project_history.review,
    project_history.restore,
    project_changes.pull,
    project_changes.apply,
    project_changes.confirm,
    project_changes.cancel,
    project_changes.rollback,
    project_changes.adopt,
    project_interchange.import_file,
    project_interchange.export_file,
    project_saved.save,
    project_saved.saved,
    project_saved.open_saved,
    project_saved.unsave,
)


@click.group("project", cls=Noun)
def project() -> None:
    """Configurations of hosts: pull, edit, validate, plan, apply, roll back.

    Every host has a draft on this machine, which all of these use; with a context of a controller it is there, for everybody
    who may edit it. -f names a project file instead. Nothing changes a
    host before `project apply`.
    """


for _command in COMMANDS:
    project.add_command(_command)
