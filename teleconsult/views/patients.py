"""What every page of a patient shares: her session, her request, and what is said when a step is not possible."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.generic import View

from accounts.networks import network_of
from taxonomy.pages import PrivatePage
from teleconsult import access
from teleconsult.enums import AccessLevel
from teleconsult.exceptions import RequestError, TooMany
from teleconsult.models import PatientSession, Request
from teleconsult.permissions import Actor
from vault import limits

HOUR = 3600
STARTS_PER_NETWORK = 30


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


class SignedInPatientPage(PatientPage, View):
    """A page of one request: whoever has no living session is asked to sign in."""

    # The mailed code alone does not open the page.
    needs_receipt = True
    session: PatientSession

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the session, or lead to the sign-in."""
        session = access.session_of(request)
        if session is None:
            return self.to_sign_in(request)
        if self.needs_receipt and session.level != AccessLevel.FULL:
            return HttpResponseRedirect(reverse("teleconsult:my_request"))
        self.session = session
        return super().dispatch(request, *args, **kwargs)

    def to_sign_in(self, request: HttpRequest) -> HttpResponse:
        """Lead to the sign-in; what was saved is still there."""
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
