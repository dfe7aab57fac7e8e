"""Sensitive rows are reached only over what a person may see, or over the request of her own session."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

from vault.data_classes import SECRET_CLASSES, data_class_of

ROOT = Path(settings.BASE_DIR)
TELECONSULT = ROOT / "teleconsult"
# Where pages are made: a row that is fetched here is shown to somebody.
PAGES = [
    *TELECONSULT.glob("views/*.py"),
    *TELECONSULT.glob("forms/**/*.py"),
    TELECONSULT / "admin.py",
    *TELECONSULT.glob("desk/*.py"),
    *(ROOT / "healthlombardy").glob("*.py"),
    *(ROOT / "notifications").glob("admin.py"),
]
# Words that already say whose rows they are.
SCOPES = {"visible_to", "owned_by"}
# The patient's own row: the primary key or the request of her session narrows it to what is hers.
OF_A_REFUSAL = {"pk", "reference", "status", "office"}
OF_THE_SESSION = {"patient_request", "session"}


def sensitive() -> set[str]:
    """Return the models of the second opinion that hold what a person told us, or belong to one request."""
    names = set()
    for model in apps.get_app_config("teleconsult").get_models():
        is_secret = any(
            data_class_of(field) in SECRET_CLASSES
            for field in model._meta.local_concrete_fields
            if not field.is_relation
        )
        belongs = any(field.name == "request" for field in model._meta.local_concrete_fields)
        if is_secret or belongs or model.__name__ == "Request":
            names.add(model.__name__)
    return names


def chains(tree: ast.AST) -> Iterator[tuple[int, str, ast.expr, list[ast.Call]]]:
    """Yield line, model, whole expression and calls of each `Model.objects.…` chain."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager", "_base_manager"}):
            continue
        model = node.value.id if isinstance(node.value, ast.Name) else ast.unparse(node.value)
        calls, top = [], node
        while isinstance(parent := parents.get(top), ast.Attribute | ast.Call) and getattr(parent, "func", top) is top:
            top = parent
            if isinstance(top, ast.Call):
                calls.append(top)
        yield node.lineno, model, top, calls


def columns(call: ast.Call) -> set[str]:
    """Return the columns that a call names."""
    return {str(argument.value) for argument in call.args if isinstance(argument, ast.Constant)}


def is_scoped(calls: list[ast.Call]) -> bool:
    """Return whether a chain starts from what the person may see, or names the request of the session."""
    if any(isinstance(call.func, ast.Attribute) and call.func.attr in SCOPES for call in calls):
        return True
    # Whether a row is there says nothing of what it holds.
    if calls and isinstance(calls[-1].func, ast.Attribute) and calls[-1].func.attr == "exists":
        return True
    # A refusal is written down with these columns, and nothing else is read.
    if any(ast.unparse(call.func).endswith(".only") and columns(call) <= OF_A_REFUSAL for call in calls):
        return True
    arguments = [keyword.value for call in calls for keyword in call.keywords]
    # A part of another query belongs to the rows of that query.
    if any(isinstance(value, ast.Call) and ast.unparse(value.func) == "OuterRef" for value in arguments):
        return True
    named = {part.attr for value in arguments for part in ast.walk(value) if isinstance(part, ast.Attribute)}
    return bool(named & OF_THE_SESSION)


def unscoped(code: str, models: set[str]) -> list[str]:
    return [
        f"line {line}: {ast.unparse(expression)}"
        for line, model, expression, calls in chains(ast.parse(code))
        if model in models and not is_scoped(calls)
    ]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_fetch_what_the_reader_may_see(path: Path) -> None:
    assert unscoped(path.read_text(), sensitive()) == []


def test_the_sensitive_models_are_known() -> None:
    assert {"Request", "Document", "Message", "Consent", "PatientSession", "Receipt", "AccessCode"} <= sensitive()


def test_nothing_of_a_request_is_in_the_administration() -> None:
    code = (TELECONSULT / "admin.py").read_text()

    assert {name for name in sensitive() if f"@admin.register({name}" in code or f"model = {name}\n" in code} == set()


@pytest.mark.parametrize(
    ("code", "is_wrong"),
    [
        ("Request.objects.get(pk=pk)", True),
        ("Request.objects.filter(reference=r).first()", True),
        ('Request.objects.filter(reference=r).only("pk", "question").first()', True),
        ('Request.objects.filter(reference=r).only("pk", "office").first()', False),
        ("Request.objects.visible_to(user).filter(reference=r)", False),
        ("Document.objects.filter(request=self.patient_request, pk=document).first()", False),
        ("Request.objects.get(pk=self.patient_request.pk)", False),
        ("Document.objects.filter(pk=document).exists()", False),
        ('Assignment.objects.current().filter(request=OuterRef("pk"))', False),
        ("Treatment.objects.all()", False),
    ],
)
def test_the_rule_can_fail(code: str, *, is_wrong: bool) -> None:
    assert bool(unscoped(code, sensitive())) is is_wrong
