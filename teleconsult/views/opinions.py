"""What the patient does with the opinion: read it, take it along, ask about it, say that it is enough."""

from functools import cached_property
from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView, View

from teleconsult import clock, opinions, reading, workflow
from teleconsult.enums import Action
from teleconsult.forms.patient import WordsForm
from teleconsult.models import Opinion
from teleconsult.views.area import PatientStep, WordsPage
from teleconsult.views.downloads import opinion_response
from teleconsult.views.patients import SignedInPatientPage


class OfOpinion(SignedInPatientPage):
    """A page about a delivered opinion of this request; a foreign one, or a draft, is not there."""

    @cached_property
    def opinion(self) -> Opinion:
        wanted = self.kwargs["opinion"]  # type: ignore[attr-defined]
        found = next((row for row in opinions.delivered(self.patient_request) if row.pk == wanted), None)
        if found is None:
            reading.refuse_hidden(Opinion, wanted, by=self.actor, what="opinion")
            raise Http404
        found.request = self.patient_request
        return found


class OpinionView(OfOpinion, TemplateView):
    """The opinion; that it was opened is in the trail."""

    template_name = "teleconsult/opinion.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the opinion, who else opened it, and what can be done now."""
        request, opinion = self.patient_request, self.opinion
        openings = reading.openings_of(request).get(str(opinion.pk), [])
        reading.view_opinion(opinion=opinion, by=self.actor)
        allowed = set(workflow.allowed_actions(self.actor, request))
        is_current = opinions.is_current(opinion, request)
        return super().get_context_data(
            patient_request=request,
            openings=openings,
            can_ask=is_current and Action.ASK_FOLLOW_UP in allowed and opinion.questions_left > 0,
            can_end=is_current and Action.CLOSE_ANSWERED in allowed,
            has_consultation=request.bookings.to_come().exists(),
            is_open=is_current and Action.CLOSE_ANSWERED in allowed,
            zone_name=clock.place_of(request.zone),
            **(kwargs | opinions.page_of(opinion)),
        )


class PdfView(OfOpinion, View):
    """The opinion to keep, to print, to pass on."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Set and send it; the trail is written first."""
        return opinion_response(self.opinion, self.actor)


class FollowUpView(OfOpinion, WordsPage):
    """Ask about the opinion."""

    template_name = "teleconsult/opinion_question.html"
    action = Action.ASK_FOLLOW_UP
    thanks = _("Your question has been sent.")

    def elsewhere(self) -> str:
        """Lead to the opinion where no question can be asked any more; the first press may just have sent the last."""
        opinion = self.opinion
        can_ask = opinions.is_current(opinion, self.patient_request) and opinion.questions_left > 0
        if super().elsewhere() or (not can_ask and self.request.method == "GET"):
            return reverse("teleconsult:opinion", args=[opinion.pk])
        return ""

    def get_form_kwargs(self) -> dict[str, Any]:
        """Name the field."""
        return super().get_form_kwargs() | {"label": _("Your question")}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add how many questions are left and until when."""
        opinion = self.opinion
        until = clock.two_clocks(opinion.closes_at, self.patient_request.zone) if opinion.closes_at else []
        return super().get_context_data(opinion=opinion, until=until, **kwargs)

    def take(self, form: WordsForm) -> None:
        """Send it; pressed twice, one question."""
        workflow.ask_follow_up(
            request=self.patient_request, by=self.actor, text=form.cleaned_data["text"], idempotency_key=form.key
        )


class DoneView(PatientStep):
    """The patient has what she needs: the request ends; pressed twice, it has ended."""

    def take(self, request: HttpRequest) -> None:
        """End it."""
        if not self.patient_request.is_ended:
            workflow.close_answered(request=self.patient_request, by=self.actor)
