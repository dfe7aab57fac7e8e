"""The request for a second opinion: what it is, then one question a screen, each answer kept at once."""

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.views.generic import FormView, TemplateView, View

from facilities.models import Facility
from search.red_flags import mentions_emergency
from taxonomy.pages import CataloguePage
from teleconsult import access, checklist, consent, workflow
from teleconsult.enums import AccessLevel, Action, ConsentPurpose
from teleconsult.exceptions import RequestError
from teleconsult.forms.patient import (
    AuthorityForm,
    DocumentForm,
    HospitalForm,
    IllnessForm,
    PatientForm,
    QuestionForm,
    ReviewForm,
    WhoForm,
    active_language,
)
from teleconsult.models import Document, Request
from teleconsult.reach import is_reached, reached_facilities
from teleconsult.views.patients import KeepsTyped, PatientPage, SignedInPatientPage, receipt_of, session_of
from teleconsult.workflow.promises import protocol_for
from treatments.models import Protocol, Treatment

# Screens of the form in their order; `who` begins the request.
STEPS = ("who", "patient", "authority", "question", "illness", "hospital", "documents", "review")
# On which screen an answer is given that must be there.
SCREENS = {
    "question": "question",
    "patient_name": "patient",
    "age_years": "patient",
    "asker_name": "authority",
    "relationship": "authority",
}
LONGEST_SLUG = 120


def step_url(step: str) -> str:
    """Return the address of a screen of a draft."""
    return reverse(f"teleconsult:request_{step}")


def step_names() -> dict[str, str]:
    """Return the names of the screens, in the page's language."""
    return {
        "who": gettext("Who is asking"),
        "patient": gettext("The patient"),
        "authority": gettext("Your authority"),
        "question": gettext("What you want to know"),
        "illness": gettext("The illness"),
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


def steps_of(draft: Request | None) -> tuple[str, ...]:
    """Return the screens of a draft: whoever asks for herself has no authority to state."""
    acts_for_another = draft is not None and draft.needs_authority
    return tuple(step for step in STEPS if step != "authority" or acts_for_another)


def progress(step: str, draft: Request | None = None) -> dict[str, Any]:
    """Return what the component `progress` needs."""
    names, steps = step_names(), steps_of(draft)
    done = set(steps[: steps.index(step)]) | (done_steps(draft) if draft else set())
    if draft:
        done -= set(missing_steps(draft))
    states = {name: "now" if name == step else "done" if name in done else "next" for name in steps}
    lines = [StepLine(names[name], step_url(name), states[name]) for name in steps]
    return {"steps": lines, "step_number": steps.index(step) + 1, "step_total": len(steps)}


class ChosenInAddress:
    """What the reader came with: `?treatment=` and `?facility=`; what does not exist is left out."""

    request: HttpRequest

    @cached_property
    def treatment(self) -> Treatment | None:
        """Return the treatment of the address."""
        return self._chosen(Treatment.objects.published(), "treatment")

    @cached_property
    def facility(self) -> Facility | None:
        """Return the facility of the address."""
        return self._chosen(Facility.objects.published(), "facility")

    @cached_property
    def is_reached(self) -> bool:
        """Return whether this portal reaches the facility of the address for the treatment."""
        return self.facility is not None and is_reached(self.facility, self.treatment)

    @property
    def not_reached(self) -> list[Facility]:
        """Return the facility of the address where this portal does not reach it."""
        return [self.facility] if self.facility and not self.is_reached else []

    @property
    def query(self) -> str:
        """Return the part of an address that carries both along."""
        chosen = {"treatment": self.treatment, "facility": self.facility}
        query = urlencode({name: row.slug for name, row in chosen.items() if row})
        return f"?{query}" if query else ""

    def _chosen(self, rows: Any, name: str) -> Any:
        slug = self.request.GET.get(name, "").replace("\x00", "")[:LONGEST_SLUG]
        return rows.filter(slug=slug).first() if slug else None


class SecondOpinionView(ChosenInAddress, CataloguePage, TemplateView):
    """What a second opinion is, and the checklist of a hospital before anything is sent."""

    template_name = "teleconsult/second_opinion.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the protocols of the treatment and the facility of the address."""
        protocols = list(self._protocols())
        return super().get_context_data(
            treatment=self.treatment,
            facility=self.facility,
            protocols=protocols,
            promised=promise_of(protocols),
            start_query=self.query,
            not_reached=self.not_reached,
            **kwargs,
        )

    def _protocols(self) -> QuerySet[Protocol]:
        rows = Protocol.objects.in_force().select_related("facility").prefetch_related("required_documents")
        if self.facility is None:
            return rows if self.treatment is None else rows.for_treatment(self.treatment)
        if self.treatment is None:
            # Whoever comes from a hospital's page has named no treatment yet: all it asks for is worth reading.
            return rows.filter(facility=self.facility)
        return rows.for_request(self.facility, self.treatment.slug)


def promise_of(protocols: list[Protocol]) -> tuple[int, int] | None:
    """Return the shortest and the longest promise in working days; None where nobody promises."""
    days = sorted(protocol.promised_working_days for protocol in protocols if protocol.promised_working_days)
    return (days[0], days[-1]) if days else None


class StartView(ChosenInAddress, PatientPage, FormView):
    """The first screen: with an e-mail address the draft exists and is kept from then on."""

    template_name = "teleconsult/request_step.html"
    form_class = WhoForm

    @cached_property
    def draft(self) -> Request | None:
        """Return the draft that is open in this browser."""
        session = session_of(self.request)
        is_open = session is not None and session.level == AccessLevel.FULL and session.request.is_draft
        return session.request if session and is_open else None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Go on where the draft of this browser was left, unless the reader comes with another wish."""
        if self.draft and not self._is_another_wish(self.draft):
            return HttpResponseRedirect(step_url(next_step(self.draft)))
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the list of screens, the draft there is, and the hospital that is not reached."""
        return super().get_context_data(
            step="who",
            other_draft=self.draft,
            go_on_url=step_url(next_step(self.draft)) if self.draft else "",
            not_reached=self.not_reached,
            **progress("who"),
            **kwargs,
        )

    def form_valid(self, form: WhoForm) -> HttpResponse:
        """Keep the first answers and open a session for this browser."""
        wish = {"treatment": self.treatment, "facility": self.facility if self.is_reached else None}
        try:
            self.count_start()
            started = workflow.start_draft(
                answers=form.answers() | wish, idempotency_key=form.cleaned_data["idempotency_key"]
            )
        except RequestError as error:
            form.add_error(None, str(error.sentence))
            return self.form_invalid(form)
        if not started.secret:
            # Somebody else, or much later: the receipt or a mailed code opens it, not this form.
            return HttpResponseRedirect(reverse("teleconsult:my_request"))
        response = HttpResponseRedirect(step_url("patient"))
        access.set_cookie(response, access.start_session(started.request, secret=started.secret))
        return response

    def _is_another_wish(self, draft: Request) -> bool:
        other_treatment = self.treatment is not None and self.treatment.slug != draft.treatment_slug
        other_facility = self.facility is not None and self.facility.pk != draft.facility_id
        return other_treatment or other_facility


def missing_steps(draft: Request) -> list[str]:
    """Return the screens on which an answer is missing, in their order."""
    missing = {SCREENS.get(name, "who") for name in workflow.missing_answers(draft)}
    if draft.needs_authority and draft.authority_stated_at is None:
        missing.add("authority")
    return [step for step in STEPS if step in missing]


def done_steps(draft: Request) -> set[str]:
    """Return the screens that are answered."""
    done = {"who", "patient", "authority", "question"}
    if draft.condition_slug or draft.treatment_slug:
        done.add("illness")
    if draft.facility_id:
        done |= {"illness", "hospital"}
    if draft.documents.exists():
        done |= {"illness", "hospital", "documents"}
    return done - set(missing_steps(draft))


def next_step(draft: Request) -> str:
    """Return the first screen that is not answered."""
    done = done_steps(draft)
    return next((step for step in steps_of(draft) if step not in done), "review")


class DraftPage(KeepsTyped, SignedInPatientPage, FormView):
    """A screen of a draft."""

    template_name = "teleconsult/request_step.html"
    step = ""
    # The label of the only field is the heading.
    is_one_question = False

    def elsewhere(self) -> str:
        """Lead to the request where it has been sent already."""
        return "" if self.patient_request.is_draft else reverse("teleconsult:my_request")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the list of screens, the draft, the receipt until it is kept, and the way back."""
        steps = steps_of(self.patient_request)
        number = steps.index(self.step)
        return super().get_context_data(
            step=self.step,
            draft=self.patient_request,
            back_url=step_url(steps[number - 1]) if number else "",
            is_one_question=self.is_one_question,
            **receipt_of(self.session),
            **progress(self.step, self.patient_request),
            **kwargs,
        )

    def get_success_url(self) -> str:
        """Go to the next screen; after the answers just given it may be another one."""
        draft = Request.objects.select_related("data_key").get(pk=self.patient_request.pk)
        steps = steps_of(draft)
        return step_url(steps[steps.index(self.step) + 1] if self.step in steps else "question")

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep the answers."""
        try:
            self.keep(form)
        except RequestError as error:
            form.add_error(None, str(error.sentence))
            return self.form_invalid(form)
        self.forget_typed()
        return super().form_valid(form)

    @property
    def typed_page(self) -> str:  # type: ignore[override]
        """Return under which name typed words are kept: that of the screen, where words are typed on it."""
        return self.step if self.step in workflow.TYPED_ON else ""

    def keep(self, form: Any) -> Request:
        """Save the answers and return the draft as it is now. Raises RequestError."""
        return workflow.save_draft(request=self.patient_request, by=self.actor, answers=form.answers())


class WhoView(DraftPage):
    """Screen: who asks, once more; a wrong e-mail address would lock her out."""

    step = "who"
    form_class = WhoForm

    def get_initial(self) -> dict[str, Any]:
        """Show what was answered before."""
        return {
            name: getattr(self.patient_request, name) for name in ("for_whom", "email", "country", "zone", "language")
        }


class PatientView(DraftPage):
    """Screen: the patient."""

    step = "patient"
    form_class = PatientForm

    def get_initial(self) -> dict[str, Any]:
        """Show what was answered before."""
        return {name: getattr(self.patient_request, name) for name in ("patient_name", "age_years", "sex")}


class AuthorityView(DraftPage):
    """Screen: who acts for the patient, and by what right."""

    step = "authority"
    form_class = AuthorityForm

    def elsewhere(self) -> str:
        """Lead on where nobody acts for another."""
        return super().elsewhere() or ("" if self.patient_request.needs_authority else step_url("question"))

    def get_form_kwargs(self) -> dict[str, Any]:
        """Add the draft: a parent who writes as the patient is not asked who she is."""
        return super().get_form_kwargs() | {"request": self.patient_request}

    def get_initial(self) -> dict[str, Any]:
        """Show what was answered before."""
        draft = self.patient_request
        names = ("asker_name", "relationship")
        return {name: getattr(draft, name) for name in names} | {"has_authority": bool(draft.authority_stated_at)}

    def keep(self, form: AuthorityForm) -> Request:
        """Keep the answers, and record the authority once it is stated."""
        draft = super().keep(form)
        if draft.authority_stated_at:
            return draft
        return workflow.state_authority(request=draft, by=self.actor, seen_version=draft.version)


class QuestionView(DraftPage):
    """Screen: the question."""

    step = "question"
    form_class = QuestionForm
    is_one_question = True

    def get_initial(self) -> dict[str, Any]:
        """Show what was answered before."""
        return {"question": self.patient_request.question}

    def form_valid(self, form: QuestionForm) -> HttpResponse:
        """Keep the answer; one that sounds like an emergency is first answered with whom to call."""
        response = super().form_valid(form)
        sounds_urgent = mentions_emergency(form.cleaned_data["question"])
        if form.is_valid() and sounds_urgent and "read_emergency" not in self.request.POST:
            return self.render_to_response(self.get_context_data(form=form, is_emergency=True))
        return response


class IllnessView(DraftPage):
    """Screen: what the question is about, as far as it is known."""

    step = "illness"
    form_class = IllnessForm

    def get_initial(self) -> dict[str, Any]:
        """Show what was answered before."""
        return {"condition": self.patient_request.condition_slug, "treatment": self.patient_request.treatment_slug}


class HospitalView(DraftPage):
    """Screen: the hospital she would like to ask."""

    step = "hospital"
    form_class = HospitalForm
    is_one_question = True

    @cached_property
    def reached(self) -> list[Facility]:
        """Return the hospitals this portal reaches for the treatment the request is about."""
        return list(reached_facilities(self.patient_request.treatment))

    def get_form_kwargs(self) -> dict[str, Any]:
        """Offer the hospitals that are reached."""
        return super().get_form_kwargs() | {"facilities": self.reached}

    def get_initial(self) -> dict[str, Any]:
        """Show what was answered before, as far as it is still possible."""
        wished = self.patient_request.facility
        return {"facility": wished.slug if wished in self.reached else ""}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Name the hospitals that offer the treatment, or were wished for, and are not reached through this portal."""
        treatment, wished = self.patient_request.treatment, self.patient_request.facility
        offers = treatment.offers.public().select_related("facility") if treatment else []
        candidates = [*([wished] if wished else []), *(offer.facility for offer in offers)]
        not_reached = [facility for facility in dict.fromkeys(candidates) if facility not in self.reached]
        return super().get_context_data(not_reached=not_reached, **kwargs)


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
            "needs_authority": self.patient_request.needs_authority,
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what was sent so far and the checklist."""
        documents = self.patient_request.documents.with_looks()
        uploads = self.patient_request.uploads.on_the_way()
        return super().get_context_data(documents=documents, uploads=uploads, checklist=self.checklist, **kwargs)

    def form_valid(self, form: DocumentForm) -> HttpResponse:
        """Keep the file and come back for the next one."""
        try:
            workflow.add_document(request=self.patient_request, by=self.actor, **form.details())
        except RequestError as error:
            form.add_error("file", str(error.sentence))
            return self.form_invalid(form)
        messages.success(self.request, gettext("Your file has arrived and is kept."))
        return HttpResponseRedirect(step_url(self.step))


class RemoveDocumentView(SignedInPatientPage, View):
    """Remove a file from a draft."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, document: uuid.UUID) -> HttpResponse:
        """Remove it for good; of what is gone already, or another patient's, nothing is said."""
        row = self.patient_request.documents.with_file().filter(pk=document).first()
        if row is not None:
            self._remove(row)
        return HttpResponseRedirect(step_url("documents"))

    def _remove(self, row: Document) -> None:
        try:
            workflow.remove_document(document=row, by=self.actor)
        except RequestError as error:
            self.say(error)


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

    def on_screen(self) -> dict[str, Any]:
        """Return what the hidden fields say about the screen."""
        facility, texts = self.patient_request.facility, self.consents
        return {
            "seen_version": self.patient_request.version,
            "coordination_hash": texts["coordination"].hash if texts["coordination"] else "",
            "facility_hash": texts["facility"].hash if texts["facility"] else "",
            "facility_slug": facility.slug if facility else "",
            "protocol": self.rules.pk if self.rules else "",
        }

    def get_initial(self) -> dict[str, Any]:
        """Remember what is on the screen; a form that comes back says it itself."""
        return {} if self.request.method == "POST" else self.on_screen()

    def get_form_kwargs(self) -> dict[str, Any]:
        """Add the wordings."""
        facility = self.patient_request.facility
        return super().get_form_kwargs() | {
            "coordination": self.shown("coordination"),
            "facility": self.shown("facility"),
            "slug": facility.slug if facility else "",
        }

    @cached_property
    def rules(self) -> Protocol | None:
        """Return the hospital's rules as they are today; they are frozen when the request is sent."""
        return protocol_for(self.patient_request, self.patient_request.facility)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add every answer, what is missing, and the texts of the consents."""
        draft = self.patient_request
        draft.protocol = self.rules
        names = step_names()
        return super().get_context_data(
            documents=draft.documents.with_looks(),
            unfinished=draft.uploads.on_the_way().unfinished(),
            checklist=checklist.of_request(draft),
            missing=[StepLine(names[step], step_url(step), "next") for step in missing_steps(draft)],
            coordination_text=self.shown("coordination"),
            facility_text=self.shown("facility"),
            condition=draft.condition,
            treatment=draft.treatment,
            can_erase=workflow.allows(Action.ERASE, self.actor, draft),
            **kwargs,
        )

    def form_invalid(self, form: ReviewForm) -> HttpResponse:
        """Show the wordings in force; what was ticked beside another wording is not ticked any more."""
        now = self.on_screen()
        kinds = ("coordination", "facility")
        form.renew(*(kind for kind in kinds if form.data.get(f"{kind}_hash") != now[f"{kind}_hash"]), **now)
        if form.has_error("facility"):
            form.renew("facility")
        return super().form_invalid(form)

    def form_valid(self, form: ReviewForm) -> HttpResponse:
        """Send it; pressed twice, sent once."""
        answers = form.cleaned_data
        if self.patient_request.is_draft and "authority" in missing_steps(self.patient_request):
            form.add_error(None, gettext("Say first by what right you act for the patient."))
            return self.form_invalid(form)
        try:
            workflow.submit(
                request=self.patient_request,
                by=self.actor,
                seen_version=answers["seen_version"],
                idempotency_key=answers["submit_key"],
                coordination_consent=answers["coordination_hash"],
                facility_consent=answers["facility_hash"] if answers.get("facility") else "",
                seen_rules=answers["protocol"],
                shown_in=active_language(),
            )
        except RequestError as error:
            form.add_error(None, str(error.sentence))
            return self.form_invalid(form)
        return HttpResponseRedirect(reverse("teleconsult:my_request"))
