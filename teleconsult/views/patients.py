"""What every page of a patient shares: her session, her request, and what is said when a step is not possible."""

from functools import cached_property
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.generic import FormView

from accounts.networks import network_of
from taxonomy.pages import PrivatePage
from teleconsult import access, workflow
from teleconsult.enums import AccessLevel
from teleconsult.exceptions import RequestError, TooMany
from teleconsult.models import PatientSession, Request
from teleconsult.permissions import Actor
from vault import limits

HOUR = 3600
STARTS_PER_NETWORK = 30
# Of a form: nothing a person typed.
UNTYPED = {"csrfmiddlewaretoken", "website"}


def session_of(request: HttpRequest) -> PatientSession | None:
    """Return the patient's living session, looked up once a page."""
    if not hasattr(request, "patient_session"):
        request.patient_session = access.session_of(request)  # type: ignore[attr-defined]
    return request.patient_session  # type: ignore[attr-defined]


def has_dead_session(request: HttpRequest) -> bool:
    """Return whether this browser had a session that is over."""
    return settings.PATIENT_COOKIE_NAME in request.COOKIES and session_of(request) is None


def receipt_of(session: PatientSession) -> dict[str, Any]:
    """Return the receipt as the component prints it, until the patient says it is kept."""
    secret = session.unconfirmed_secret
    if not secret:
        return {"receipt_link": "", "receipt_qr": ""}
    link = settings.PUBLIC_URL + reverse("teleconsult:private_link", args=[session.request.reference, secret])
    # 2 MB, and only a process that shows a receipt needs them.
    segno = import_module("segno")
    code = segno.make(link, error="m").svg_inline(omitsize=True, border=2, lineclass=None, svgclass=None)
    return {"receipt_link": link, "receipt_qr": mark_safe(code)}  # noqa: S308  made by segno from our own address


class PatientPage(PrivatePage):
    """A page with a form of its own that patients use; too many tries are answered in words."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer 429 where a limit is reached."""
        try:
            return super().dispatch(request, *args, **kwargs)
        except TooMany as error:
            return render(request, "429.html", {"sentence": error.sentence}, status=429)

    @property
    def network(self) -> str:
        """Return the address of the reader's network, for counting tries."""
        return network_of(self.request)

    def count_start(self) -> None:
        """Count a request that begins. Raises TooMany."""
        if not limits.allow("teleconsult.start", self.network, STARTS_PER_NETWORK, HOUR):
            raise TooMany


class KeepsTyped:
    """A form of one request that keeps what is typed until it is saved: by script meanwhile, else when it is sent."""

    # A name of `workflow.TYPED_ON`.
    typed_page = ""
    patient_request: Request
    actor: Actor

    @cached_property
    def typed(self) -> dict[str, str]:
        """Return what was typed before and not saved."""
        return workflow.typed(self.patient_request, self.typed_page) if self.typed_page else {}

    def get_form(self, form_class: Any = None) -> Any:
        """Put what was typed before into its fields."""
        form = super().get_form(form_class)  # type: ignore[misc]
        form.initial |= {name: words for name, words in self.typed.items() if name in form.fields}
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Say where typed words are kept, and whether they are here again."""
        typed_url = reverse("teleconsult:typed", args=[self.typed_page]) if self.typed_page else ""
        is_again = self.request.method == "GET" and any(self.typed.values())  # type: ignore[attr-defined]
        return super().get_context_data(typed_url=typed_url, is_typed_again=is_again, **kwargs)  # type: ignore[misc]

    def form_invalid(self, form: Any) -> HttpResponse:
        """Keep the words of a form that could not be saved."""
        if self.typed_page:
            words = {name: str(value) for name, value in self.request.POST.items()}  # type: ignore[attr-defined]
            workflow.keep_typed(request=self.patient_request, by=self.actor, page=self.typed_page, words=words)
        return super().form_invalid(form)  # type: ignore[misc]

    def forget_typed(self) -> None:
        """Forget the words: they are saved or sent."""
        if self.typed_page:
            workflow.forget_typed(self.patient_request, self.typed_page)


class SignedInPatientPage(PatientPage):
    """A page of one request: whoever has no living session is asked to sign in."""

    # The mailed code alone does not open the page.
    needs_receipt = True
    session: PatientSession

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the session, or lead to the sign-in."""
        session = session_of(request)
        if session is None:
            return self.signed_out(request)
        self.session = session
        if self.needs_receipt and session.level != AccessLevel.FULL:
            return HttpResponseRedirect(reverse("teleconsult:my_request"))
        elsewhere = self.elsewhere()
        return HttpResponseRedirect(elsewhere) if elsewhere else super().dispatch(request, *args, **kwargs)

    def elsewhere(self) -> str:
        """Return where to lead to when the page has nothing to do for this request as it stands, else nothing."""
        return ""

    def signed_out(self, request: HttpRequest) -> HttpResponse:
        """Lead to the sign-in; what was typed meanwhile is handed back, and can be sent once she is in again."""
        if request.method == "POST" and isinstance(self, FormView):
            typed = [(name, value) for name, value in request.POST.items() if name not in UNTYPED]
            context = {"typed": typed, "had_file": bool(request.FILES), "address": request.get_full_path()}
            return render(request, "teleconsult/session_ended.html", context, status=403)
        return HttpResponseRedirect(reverse("teleconsult:my_request") + "?ended=1")

    @property
    def patient_request(self) -> Request:
        return self.session.request

    @property
    def actor(self) -> Actor:
        return Actor.patient(self.session)

    def say(self, error: RequestError) -> None:
        """Show on the next page why a step was not possible."""
        messages.error(self.request, str(error.sentence))
