"""How a process that is no worker calls one. The rows say what is to do: a bell nobody hears is left to the sweeps."""

from importlib import import_module
from types import ModuleType

from django.db import transaction

from vault.files import StoredFile


def tasks_of(app: str) -> ModuleType:
    """Return the tasks of an app; Celery takes 9 MB (30 once it has rung), so it is loaded at the first ring."""
    return import_module(f"{app}.tasks")


def judge_soon(file: StoredFile) -> None:
    """Ring for a file once the transaction is committed."""
    transaction.on_commit(lambda: tasks_of("vault").judge_file.delay(str(file.pk)), robust=True)
