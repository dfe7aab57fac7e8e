"""The request for a second opinion: what it is, then one question a screen, each answer kept at once."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.views.generic import FormView, TemplateView

from facilities.models import Facility
from publishing.templatetags.text import text_of
from taxonomy.pages import CataloguePage
from teleconsult import access, checklist, consent, red_flags, workflow
from teleconsult.enums import ConsentPurpose
from teleconsult.exceptions import RequestError
from teleconsult.forms.patient import (
    DocumentForm,
    HospitalForm,
    PatientForm,
    QuestionForm,
    ReviewForm,
    WhoForm,
    active_language,
)
from teleconsult.models import Document, Request
from teleconsult.reach import reached_facilities
from teleconsult.views.patients import PatientPage, SignedInPatientPage
from teleconsult.workflow.promises import protocol_for
from treatments.models import Protocol, Treatment

# Screens of the form in their order; `who` begins the request.
STEPS = ("who", "patient", "question", "hospital", "documents", "review")


def step_url(step: str) -> str:
    """Return the address of a screen."""
    start = reverse("teleconsult:request_start")
    return start if step == "who" else reverse(f"teleconsult:request_{step}")


def step_names() -> dict[str, str]:
    """Return the names of the screens, in the page's language."""
    return {
        "who": gettext("Who is asking"),
        "patient": gettext("The patient"),
        "question": gettext("What you want to know"),
        "hospital": gettext("The hospital"),
        "documents": gettext("Your documents"),
        "review": gettext("Check and send"),
    }


@dataclass(frozen=True)
class StepLine:
    """One screen in the list of the form, as the component `progress` prints it."""

    name: str
    url: str
    state: str


def progress(step: str, done: set[str]) -> dict[str, Any]:
    """Return what the component `progress` needs."""
    names = step_names()
    states = {name: "now" if name == step else "done" if name in done else "next" for name in STEPS}
    lines = [StepLine(names[name], step_url(name), states[name]) for name in STEPS]
    return {"steps": lines, "step_number": STEPS.index(step) + 1, "step_total": len(STEPS)}


class SecondOpinionView(CataloguePage, TemplateView):
    """What a second opinion is, and the checklist of a hospital before anything is sent."""

    template_name = "teleconsult/second_opinion.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the protocols that fit the treatment and the facility of the address."""
        treatment = self._chosen(Treatment.objects.published(), "treatment")
        facility = self._chosen(Facility.objects.published(), "facility")
        protocols = Protocol.objects.in_force().select_related("facility").prefetch_related("required_documents")
        if facility is not None:
            protocols = protocols.for_request(facility, treatment)
        elif treatment is not None:
            protocols = protocols.for_treatment(treatment)
        shown = list(protocols)
        return super().get_context_data(
            treatment=treatment,
            facility=facility,
            protocols=shown,
            promised=promise_of(shown),
            start_query=self.request.GET.urlencode(),
            is_reached=facility is None or reached_facilities(treatment).filter(pk=facility.pk).exists(),
            **kwargs,
        )

    def _chosen(self, rows: Any, name: str) -> Any:
        slug = self.request.GET.get(name, "").replace("\x00", "")[:120]
        return rows.filter(slug=slug).first() if slug else None


def promise_of(protocols: list[Protocol]) -> tuple[int, int] | None:
    """Return the shortest and the longest promise in working days; None where nobody promises."""
    days = sorted(protocol.promised_working_days for protocol in protocols if protocol.promised_working_days)
    return (days[0], days[-1]) if days else None


class StartView(PatientPage, FormView):
    """The first screen: with an e-mail address the draft exists and is kept from then on."""

    template_name = "teleconsult/request_step.html"
    form_class = WhoForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Go on where a draft of this browser was left."""
        session = access.session_of(request)
        if session is not None and session.request.is_draft and request.method == "GET":
            return HttpResponseRedirect(step_url(next_step(session.request)))
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the list of screens."""
        return super().get_context_data(step="who", **progress("who", set()), **kwargs)

    def form_valid(self, form: WhoForm) -> HttpResponse:
        """Keep the first answers and open a session for this browser."""
        self.count_start()
        answers = form.answers() | self._from_address()
        started = workflow.start_draft(answers=answers, idempotency_key=form.cleaned_data["idempotency_key"])
        if not started.secret:
            # Somebody else, or much later: the receipt or a mailed code opens it, not this form.
            return HttpResponseRedirect(reverse("teleconsult:my_request"))
        response = HttpResponseRedirect(step_url("patient"))
        access.set_cookie(response, access.start_session(started.request, secret=started.secret))
        return response

    def _from_address(self) -> dict[str, Any]:
        """Return the treatment and hospital with which the reader came."""
        treatment = Treatment.objects.published().filter(slug=self._slug("treatment")).first()
        facility = reached_facilities(treatment).filter(slug=self._slug("facility")).first()
        return {"treatment": treatment, "facility": facility}

    def _slug(self, name: str) -> str:
        return self.request.GET.get(name, "").replace("\x00", "")[:120]


def done_steps(request: Request) -> set[str]:
    """Return the screens that are answered."""
    done = {"who"}
    if request.patient_name and request.age_years is not None:
        done.add("patient")
    if request.question:
        done |= {"question"}
    if "question" in done and "patient" in done:
        done.add("hospital")
    if request.documents.exists():
        done.add("documents")
    return done


def next_step(request: Request) -> str:
    """Return the first screen that is not answered."""
    done = done_steps(request)
    return next((step for step in STEPS if step not in done), "review")


class DraftPage(SignedInPatientPage, FormView):
    """A screen of a draft."""

    template_name = "teleconsult/request_step.html"
    step = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Lead to the request where it has been sent already."""
        session = access.session_of(request)
        if session is not None and not session.request.is_draft:
            return HttpResponseRedirect(reverse("teleconsult:my_request"))
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the list of screens, the draft, and the way back."""
        before = STEPS[STEPS.index(self.step) - 1]
        return super().get_context_data(
            step=self.step,
            draft=self.patient_request,
            back_url=step_url(before) if before != "who" else reverse("teleconsult:my_request"),
            **progress(self.step, done_steps(self.patient_request)),
            **kwargs,
        )

    def get_success_url(self) -> str:
        """Go to the next screen."""
        return step_url(STEPS[STEPS.index(self.step) + 1])

    def form_valid(self, form: Form) -> HttpResponse:
        """Keep the answers."""
        try:
            workflow.save_draft(request=self.patient_request, by=self.actor, answers=form.answers())
        except RequestError as error:
            form.add_error(None, str(error.sentence))
            return self.form_invalid(form)
        return super().form_valid(form)


class PatientView(DraftPage):
    """Screen: the patient, and the authority of whoever acts for her."""

    step = "patient"
    form_class = PatientForm

    def get_form_kwargs(self) -> dict[str, Any]:
        """Add the draft: the questions depend on who asks."""
        return super().get_form_kwargs() | {"request": self.patient_request}

    def get_initial(self) -> dict[str, Any]:
        """Show what was answered before."""
        draft = self.patient_request
        names = ("patient_name", "age_years", "sex", "asker_name", "relationship")
        return {name: getattr(draft, name) for name in names} | {"has_authority": bool(draft.authority_stated_at)}

    def form_valid(self, form: Form) -> HttpResponse:
        """Keep the answers, and record the authority once it is stated."""
        response = super().form_valid(form)
        if form.is_valid() and form.cleaned_data.get("has_authority") and not self.patient_request.authority_stated_at:
            fresh = Request.objects.get(pk=self.patient_request.pk)
            if fresh.needs_authority:
                workflow.state_authority(request=fresh, by=self.actor, seen_version=fresh.version)
        return response


class QuestionView(DraftPage):
    """Screen: the question, and what it is about."""

    step = "question"
    form_class = QuestionForm

    def get_initial(self) -> dict[str, Any]:
        """Show what was answered before."""
        draft = self.patient_request
        return {"question": draft.question, "condition": draft.condition_slug, "treatment": draft.treatment_slug}

    def form_valid(self, form: Form) -> HttpResponse:
        """Keep the answer; one that sounds like an emergency is first answered with whom to call."""
        sounds_urgent = red_flags.mentions_emergency(form.cleaned_data["question"])
        response = super().form_valid(form)
        if sounds_urgent and "read_emergency" not in self.request.POST:
            return self.render_to_response(self.get_context_data(form=form, is_emergency=True))
        return response


class HospitalView(DraftPage):
    """Screen: the hospital she would like to ask."""

    step = "hospital"
    form_class = HospitalForm

    @cached_property
    def wished(self) -> Treatment | None:
        """Return the treatment the request is about."""
        return self.patient_request.treatment

    def get_form_kwargs(self) -> dict[str, Any]:
        """Offer the hospitals this portal reaches for the treatment."""
        return super().get_form_kwargs() | {"facilities": list(reached_facilities(self.wished))}

    def get_initial(self) -> dict[str, Any]:
        """Show what was answered before."""
        facility = self.patient_request.facility
        return {"facility": facility.slug if facility else ""}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Name the hospitals that offer the treatment and are not reached through this portal."""
        offers = self.wished.offers.public().select_related("facility") if self.wished else []
        reached = set(context_facilities(kwargs.get("form") or self.get_form()))
        others = [offer.facility for offer in offers if offer.facility.slug not in reached]
        return super().get_context_data(not_reached=others, **kwargs)


def context_facilities(form: Form) -> list[str]:
    """Return the slugs a form offers."""
    return [str(value) for value, _label in form.fields["facility"].choices if value]


class DocumentsView(DraftPage):
    """Screen: the papers, each kept as soon as it has arrived, and the hospital's checklist."""

    step = "documents"
    form_class = DocumentForm
    template_name = "teleconsult/request_documents.html"

    @cached_property
    def protocol(self) -> Protocol | None:
        """Return the rules that apply as the draft stands."""
        return protocol_for(self.patient_request, self.patient_request.facility)

    @cached_property
    def checklist(self) -> checklist.Checklist:
        """Return what the hospital asks for, against what was sent."""
        draft = self.patient_request
        draft.protocol = self.protocol
        return checklist.of_request(draft)

    def get_form_kwargs(self) -> dict[str, Any]:
        """Offer the papers of the checklist, the first missing one chosen."""
        missing = self.checklist.missing
        return super().get_form_kwargs() | {
            "protocol": self.protocol,
            "next_paper": missing[0].requirement if missing else None,
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what was sent so far and the checklist."""
        documents = self.patient_request.documents.with_file()
        return super().get_context_data(documents=documents, checklist=self.checklist, **kwargs)

    def form_valid(self, form: DocumentForm) -> HttpResponse:
        """Keep the file and come back for the next one."""
        try:
            workflow.add_document(request=self.patient_request, by=self.actor, **form.details())
        except RequestError as error:
            form.add_error("file", str(error.sentence))
            return self.form_invalid(form)
        return HttpResponseRedirect(step_url(self.step))


class RemoveDocumentView(SignedInPatientPage):
    """Remove a file from a draft."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, document: uuid.UUID) -> HttpResponse:
        """Remove it for good."""
        row = Document.objects.filter(request=self.patient_request, pk=document).first()
        if row is None:
            raise Http404
        try:
            workflow.remove_document(document=row, by=self.actor)
        except RequestError as error:
            self.say(error)
        return HttpResponseRedirect(step_url("documents"))


class ReviewView(DraftPage):
    """Screen: everything once more, the consents, and send."""

    step = "review"
    form_class = ReviewForm
    template_name = "teleconsult/request_review.html"

    @cached_property
    def consents(self) -> dict[str, consent.ConsentText | None]:
        """Return the wordings on the screen, in the page's language; the hospital's only where one is wished."""
        facility = self.patient_request.facility
        language = active_language()
        for_facility = consent.text(ConsentPurpose.FACILITY, language) if facility else None
        return {"coordination": consent.text(ConsentPurpose.COORDINATION, language), "facility": for_facility}

    def shown(self, purpose: str) -> consent.ConsentText | None:
        """Return a wording with the hospital's name in it."""
        text, facility = self.consents[purpose], self.patient_request.facility
        return text.naming(facility.short_name) if text and facility else text

    def get_form_kwargs(self) -> dict[str, Any]:
        """Add the wordings and the version that is on the screen."""
        kwargs = super().get_form_kwargs()
        kwargs["initial"] = {"seen_version": self.patient_request.version}
        return kwargs | {"coordination": self.shown("coordination"), "facility": self.shown("facility")}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add every answer, what is missing, and the texts of the consents."""
        draft = self.patient_request
        draft.protocol = protocol_for(draft, draft.facility)
        return super().get_context_data(
            documents=draft.documents.with_file(),
            checklist=checklist.of_request(draft),
            missing=missing_screens(draft),
            coordination_text=self.shown("coordination"),
            facility_text=self.shown("facility"),
            condition_name=text_of(draft.condition, "name").value if draft.condition else "",
            treatment_name=text_of(draft.treatment, "name").value if draft.treatment else "",
            **kwargs,
        )

    def form_valid(self, form: ReviewForm) -> HttpResponse:
        """Send it; pressed twice, sent once."""
        texts, answers = self.consents, form.cleaned_data
        try:
            workflow.submit(
                request=self.patient_request,
                by=self.actor,
                seen_version=answers["seen_version"],
                idempotency_key=answers["submit_key"],
                coordination_consent=texts["coordination"].hash,
                facility_consent=texts["facility"].hash if texts["facility"] and answers.get("facility") else "",
                shown_in=active_language(),
            )
        except RequestError as error:
            form.add_error(None, str(error.sentence))
            return self.form_invalid(form)
        return HttpResponseRedirect(reverse("teleconsult:my_request"))


def missing_screens(draft: Request) -> list[StepLine]:
    """Return the screens on which an answer is missing."""
    screens = {
        "question": "question",
        "patient_name": "patient",
        "age_years": "patient",
        "asker_name": "patient",
        "relationship": "patient",
    }
    wanted = dict.fromkeys(screens.get(name, "who") for name in workflow.missing_answers(draft))
    return [StepLine(step_names()[step], step_url(step), "next") for step in wanted]
