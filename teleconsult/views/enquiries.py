"""What is asked on one screen: a question, a check-up, an estimate, a collaboration."""

from functools import cached_property
from typing import Any, ClassVar

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.generic import FormView

from search.red_flags import mentions_emergency
from teleconsult import access, consent, workflow
from teleconsult.enums import ConsentPurpose, RequestKind
from teleconsult.exceptions import RequestError
from teleconsult.forms.enquiries import CheckUpForm, CollaborationForm, EnquiryForm, EstimateForm, QuestionEnquiryForm
from teleconsult.forms.patient import active_language
from teleconsult.views.patients import PatientPage
from teleconsult.views.start import ChosenInAddress

# The other kinds, as the page of one leads to them.
ADDRESSES = {
    RequestKind.QUESTION: "teleconsult:contact",
    RequestKind.CHECK_UP: "teleconsult:check_up",
    RequestKind.ESTIMATE: "teleconsult:estimate",
    RequestKind.COLLABORATION: "teleconsult:collaboration",
}


def words_of(kind: RequestKind) -> dict[str, str]:
    """Return title, lead and button of a page, and how other pages name it."""
    return {
        RequestKind.QUESTION: {
            "title": gettext("Ask a coordinator"),
            "lead": gettext("Write in your own language. A person of the coordination office reads it and answers."),
            "button": gettext("Send question"),
            "link": gettext("Ask a coordinator"),
        },
        RequestKind.CHECK_UP: {
            "title": gettext("Ask for a check-up"),
            "lead": gettext(
                "A coordinator finds a hospital that does it, and asks you before anything goes there. "
                "Dates and price come from the hospital."
            ),
            "button": gettext("Send request"),
            "link": gettext("Ask for a check-up"),
        },
        RequestKind.ESTIMATE: {
            "title": gettext("Ask what a treatment would cost"),
            "lead": gettext(
                "An estimate comes from the hospital itself. A coordinator finds out what the hospital needs for it, "
                "and asks you before anything goes there."
            ),
            "button": gettext("Send request"),
            "link": gettext("Ask what a treatment would cost"),
        },
        RequestKind.COLLABORATION: {
            "title": gettext("Work with hospitals of Lombardy"),
            "lead": gettext(
                "For hospitals, universities and health services. The coordination office reads it and answers."
            ),
            "button": gettext("Send enquiry"),
            "link": gettext("Work with hospitals of Lombardy"),
        },
    }[kind]


class EnquiryView(ChosenInAddress, PatientPage, FormView):
    """One screen, sent at once."""

    template_name = "teleconsult/enquiry.html"
    form_class: type[EnquiryForm] = QuestionEnquiryForm
    # Of what the address may choose.
    takes: ClassVar[tuple[str, ...]] = ()

    @property
    def kind(self) -> RequestKind:
        return self.form_class.kind

    @cached_property
    def wording(self) -> consent.ConsentText:
        """Return the consent in force, in the page's language."""
        return consent.text(ConsentPurpose.COORDINATION, active_language())

    def get_form_kwargs(self) -> dict[str, Any]:
        """Add the wording of the consent."""
        return super().get_form_kwargs() | {"consent": self.wording}

    def get_initial(self) -> dict[str, Any]:
        """Carry along what was typed, and the treatment that was looked at."""
        initial = {"question": self.request.GET.get("words", "").replace("\x00", "")[:500]}
        return initial | ({"treatment": self.treatment.slug} if "treatment" in self.takes and self.treatment else {})

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the words of the kind, the text of the consent, the hospital, and the ways to the other kinds."""
        others = [kind for kind in ADDRESSES if kind != self.kind]
        is_reached = "facility" in self.takes and self.is_reached
        return super().get_context_data(
            kind=self.kind,
            words=words_of(self.kind),
            consent_text=self.wording,
            facility=self.facility if is_reached else None,
            not_reached=self.not_reached if "facility" in self.takes else [],
            others=[{"url": reverse(ADDRESSES[kind]), "name": words_of(kind)["link"]} for kind in others],
            **kwargs,
        )

    def form_valid(self, form: EnquiryForm) -> HttpResponse:
        """Send it; what sounds like an emergency is first answered with whom to call."""
        if mentions_emergency(form.cleaned_data["question"]) and "read_emergency" not in self.request.POST:
            return self.render_to_response(self.get_context_data(form=form, is_emergency=True))
        try:
            self.count_start()
            started = workflow.send_enquiry(
                kind=self.kind,
                answers=form.answers() | self._wish(),
                idempotency_key=form.cleaned_data["idempotency_key"],
                coordination_consent=form.cleaned_data["consent_hash"],
                shown_in=active_language(),
                has_authority=form.has_authority,
            )
        except RequestError as error:
            form.add_error(None, str(error.sentence))
            form.renew("consent", consent_hash=self.wording.hash)
            return self.form_invalid(form)
        response = HttpResponseRedirect(reverse("teleconsult:my_request"))
        if started.secret:
            access.set_cookie(response, access.start_session(started.request, secret=started.secret))
        return response

    def _wish(self) -> dict[str, Any]:
        return {"facility": self.facility} if "facility" in self.takes and self.is_reached else {}


class ContactView(EnquiryView):
    """Ask a coordinator, with what was typed in the search."""


class CheckUpView(EnquiryView):
    """Ask for a check-up; `?facility=` names a hospital."""

    form_class = CheckUpForm
    takes = ("facility",)


class EstimateView(EnquiryView):
    """Ask what a treatment would cost; `?treatment=` and `?facility=` name them."""

    form_class = EstimateForm
    takes = ("facility", "treatment")


class CollaborationView(EnquiryView):
    """An institution writes."""

    form_class = CollaborationForm
