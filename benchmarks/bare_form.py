"""The least that Django can do with a form: CSRF, a form that validates, one insert, a redirect.

`benchmarks.submit` starts it beside the portal, on the same server and database, with the middleware of `startproject`.
"""

from django.db import models
from django.urls import path
from django.utils import timezone
from django.views.generic import CreateView

# Sets Django up, which the model needs.
from benchmarks.bare import application, urlpatterns

__all__ = ["application"]


class Question(models.Model):
    """A question as a plain row; `benchmarks.submit` makes the table."""

    name = models.CharField(max_length=200)
    email = models.EmailField()
    question = models.TextField(max_length=10_000)
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        app_label = "bare"
        db_table = "bare_question"

    def __str__(self) -> str:
        return self.name


class AskView(CreateView):
    """Keep a question."""

    model = Question
    fields = ("name", "email", "question")
    success_url = "/"


urlpatterns.append(path("ask/", AskView.as_view()))
