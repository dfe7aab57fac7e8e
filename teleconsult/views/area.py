"""My request: coming back without a password, and what a patient sees and does there."""

import secrets
import uuid
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView, TemplateView, View

from facilities.models import Facility
from taxonomy.countries import country_name
from taxonomy.languages import language_name
from teleconsult import access, appointments, checklist, clock, consent, opinions, reading, workflow
from teleconsult.enums import AccessLevel, Action, ConsentPurpose, WaitingFor
from teleconsult.exceptions import FileNotReady, NotAllowed, RequestError
from teleconsult.forms.patient import (
    CodeForm,
    ConsentForm,
    DocumentForm,
    EndForm,
    EraseForm,
    LostReferenceForm,
    ReferenceForm,
    SettingsForm,
    WordsForm,
    active_language,
)
from teleconsult.models import Document, Request
from teleconsult.timeline import WITH_PAPERS, history_of, journey_of, timeline_of, turn_of
from teleconsult.views.downloads import document_response, preview_response
from teleconsult.views.patients import (
    KeepsTyped,
    PatientPage,
    SignedInPatientPage,
    has_dead_session,
    receipt_of,
    session_of,
)
from teleconsult.workflow.promises import protocol_at
from vault.previews import Preview

BROWSER_COOKIE = settings.PATIENT_COOKIE_NAME + "-browser"
CODE_COOKIE = settings.PATIENT_COOKIE_NAME + "-code"
CODE_SECONDS = int(access.CODE_LIFE.total_seconds())


def to_my_request(part: str = "") -> HttpResponseRedirect:
    """Lead back to the request."""
    return HttpResponseRedirect(reverse("teleconsult:my_request") + part)


# --- coming back ---------------------------------------------------------------------------------------------------


class SendsCode(PatientPage):
    """A page that asks for a mailed code; the answer looks the same whether or not there is such a request."""

    def send_code(self, reference: str, secret: str) -> HttpResponse:
        """Send a code and lead to where it is entered; this browser alone can use it. Raises RequestError."""
        browser = self.request.COOKIES.get(BROWSER_COOKIE) or secrets.token_urlsafe(24)
        asked = access.ask_code(reference=reference, secret=secret, browser=browser, network=self.network)
        response = HttpResponseRedirect(reverse("teleconsult:code"))
        set_code_cookies(response, browser, asked)
        return response


def set_code_cookies(response: HttpResponse, browser: str, asked: access.Asked) -> None:
    """Let this browser alone use the code that is on its way."""
    for name, value in ((BROWSER_COOKIE, browser), (CODE_COOKIE, str(asked.code_id))):
        response.set_cookie(
            name,
            value,
            max_age=CODE_SECONDS,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


class MyRequestView(SendsCode, FormView):
    """The sign-in; with a living session, the request itself."""

    template_name = "teleconsult/sign_in.html"
    form_class = ReferenceForm

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the request to whoever has come in."""
        if session_of(request) is not None:
            return RequestView.as_view()(request)
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Say why the sign-in is shown, where a session has ended."""
        has_ended = "ended" in self.request.GET or has_dead_session(self.request)
        return super().get_context_data(has_ended=has_ended, **kwargs)

    def form_valid(self, form: ReferenceForm) -> HttpResponse:
        """Send the code."""
        secret = form.cleaned_data["secret"].rstrip("/").split("/")[-1]
        try:
            return self.send_code(form.cleaned_data["reference"], secret)
        except access.WrongReference as error:
            form.add_error("reference", str(error.sentence))
            return self.form_invalid(form)


class PrivateLinkView(SendsCode, TemplateView):
    """The link of the receipt: one button. A GET signs nobody in, mail scanners open links too."""

    template_name = "teleconsult/private_link.html"

    def post(self, request: HttpRequest, reference: str, secret: str) -> HttpResponse:
        """Send the code."""
        try:
            return self.send_code(reference, secret)
        except access.WrongReference as error:
            return self.render_to_response(self.get_context_data(reference=reference, sentence=error.sentence))


class CodeView(PatientPage, FormView):
    """Enter the code from the mail."""

    template_name = "teleconsult/code.html"
    form_class = CodeForm

    def form_valid(self, form: CodeForm) -> HttpResponse:
        """Open the session, or say that the code is not right."""
        try:
            token = access.enter_code(
                code_id=self.request.COOKIES.get(CODE_COOKIE, ""),
                code=form.cleaned_data["code"],
                browser=self.request.COOKIES.get(BROWSER_COOKIE, ""),
                network=self.network,
            )
        except access.WrongCode as error:
            form.add_error("code", str(error.sentence))
            return self.form_invalid(form)
        response = HttpResponseRedirect(reverse("teleconsult:my_request"))
        access.set_cookie(response, token)
        response.delete_cookie(CODE_COOKIE, samesite="Lax")
        return response


class LostReferenceView(PatientPage, FormView):
    """The number is lost: it is mailed to the mailbox that knows it."""

    template_name = "teleconsult/lost_reference.html"
    form_class = LostReferenceForm

    def form_valid(self, form: LostReferenceForm) -> HttpResponse:
        """Say the same whether or not there is a request."""
        access.send_references(email=form.cleaned_data["email"], network=self.network)
        messages.success(
            self.request,
            gettext(
                "If a request belongs to this address, its number is on the way to it. Look also in the spam folder."
            ),
        )
        return to_my_request()


# --- the request ---------------------------------------------------------------------------------------------------


class RequestView(SignedInPatientPage, TemplateView):
    """Whose turn it is, the clock, what happened, messages, documents and who opened them."""

    needs_receipt = False
    template_name = "teleconsult/my_request.html"

    @property
    def opens_everything(self) -> bool:
        """Return whether the patient came with receipt and code."""
        return self.session.level == AccessLevel.FULL

    def get_template_names(self) -> list[str]:
        """Show the status alone to whoever came with the mailed code alone."""
        return [self.template_name if self.opens_everything else "teleconsult/my_request_status.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the level of the session opens."""
        request = self.patient_request
        progress = clock.progress(request) if not request.is_ended else None
        context = super().get_context_data(
            patient_request=request,
            progress=progress,
            due=clock.two_clocks(progress.due_at, request.zone) if progress else [],
            allowed=set(workflow.allowed_actions(self.actor, request)),
            actions=Action,
            **receipt_of(self.session),
            **kwargs,
        )
        return context | self._opened(request) if self.opens_everything else context

    def _opened(self, request: Request) -> dict[str, Any]:
        openings = reading.openings_of(request)
        history = history_of(request)
        turn = turn_of(request, history)
        return {
            "turn": turn,
            "waiting_receipt": access.waiting_receipt(request),
            "consultation": appointments.consultation_of(request, self.actor),
            "timeline": timeline_of(request, history, turn),
            "zone_name": clock.place_of(request.zone),
            "documents": [(row, openings.get(str(row.pk), [])) for row in request.papers.with_looks()],
            "checklist": checklist.of_request(request),
            "messages_written": request.messages.select_related("facility"),
            "case_openings": openings.get(str(request.pk), []),
            "consents": request.consents.live().select_related("facility"),
            "linked": request.linked,
            "alternatives": request.alternatives.select_related("facility"),
            "opinions": opinions.delivered(request),
            "journey": journey_of(request, turn),
            "has_papers": request.kind in WITH_PAPERS,
            "counts_anew": clock.counts_anew(request),
            "with_whom": request.assignment.facility if request.assignment else None,
            "country": country_name(request.country, active_language()) if request.country else "",
            "written_in": language_name(request.language, active_language()),
            "message_form": WordsForm(
                auto_id="message-%s",
                label=_("Write to the coordination office"),
                initial={"text": self._typed_message(request)},
            ),
        }

    @staticmethod
    def _typed_message(request: Request) -> str:
        return workflow.typed(request, MessageView.typed_page).get("text", "")


class PatientStep(SignedInPatientPage, View):
    """A step of the patient by POST; then back to the request, with a sentence where it was not possible."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Take the step."""
        try:
            self.take(request)
        except NotAllowed as error:
            raise Http404 from error
        except RequestError as error:
            self.say(error)
        return to_my_request()

    def take(self, request: HttpRequest) -> None:
        """Do it; raises RequestError."""
        raise NotImplementedError


class ReceiptView(PatientStep):
    """The patient has kept the receipt: it is never shown again."""

    needs_receipt = False

    def take(self, request: HttpRequest) -> None:
        """Forget the secret."""
        access.receipt_is_kept(self.session)


class NewReceiptView(PatientStep):
    """Make a new receipt; with the mailed code alone it waits for the office, and the old one goes on."""

    needs_receipt = False

    def take(self, request: HttpRequest) -> None:
        """Show the new one in this session; pressed twice, the one that is on the screen already."""
        with transaction.atomic():
            session = access.awake(self.session)
            if not session.unconfirmed_secret or self.ends_another:
                access.keep_secret(session, workflow.ask_receipt(request=self.patient_request, by=self.actor))
                if session.level == AccessLevel.FULL:
                    access.end_others(session)

    @property
    def ends_another(self) -> bool:
        """Return whether the holder of the receipt ends one that somebody else asked for."""
        return self.session.level == AccessLevel.FULL and access.waiting_receipt(self.patient_request) is not None


class RevokeConsentView(PatientStep):
    """Take a consent back."""

    def take(self, request: HttpRequest) -> None:
        """End the access at once; pressed twice, there is nothing left to take back."""
        facility = self.facility()
        live = self.patient_request.consents.live()
        if (live.for_facility(facility) if facility else live.for_coordination()).exists():
            workflow.revoke_consent(
                request=self.patient_request, by=self.actor, seen_version=self.seen_version(), facility=facility
            )

    def seen_version(self) -> int:
        """Return the version that was on the screen; one that is no number is no version."""
        typed = self.request.POST.get("seen_version", "")
        return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else -1

    def facility(self) -> Facility | None:
        """Return the facility the form names, None for the coordination office; 404 for one that does not exist."""
        slug = self.request.POST.get("facility", "").replace("\x00", "")
        if not slug:
            return None
        facility = Facility.objects.filter(slug=slug).first()
        if facility is None:
            raise Http404
        return facility


class SignOutView(PatientPage, View):
    """End the session in this browser."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """End it, if there is one."""
        session = session_of(request)
        if session is not None:
            access.end_session(session)
        response = HttpResponseRedirect(reverse("home"))
        access.delete_cookie(response)
        return response


class WordsPage(KeepsTyped, SignedInPatientPage, FormView):
    """A page on which the patient writes; what is not possible is said there, with every word kept."""

    form_class: type[WordsForm] = WordsForm
    # The page is for those who may take this step now; the others are led back to the request.
    action: Action
    thanks: Any = ""
    leads_to = ""

    def elsewhere(self) -> str:
        """Lead back where the step is not possible: it may just have been taken, by a first press."""
        is_possible = workflow.allows(self.action, self.actor, self.patient_request)
        return "" if is_possible else reverse("teleconsult:my_request")

    def get_initial(self) -> dict[str, Any]:
        """Remember the version that is on the screen."""
        return {"seen_version": self.patient_request.version}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the request."""
        return super().get_context_data(patient_request=self.patient_request, **kwargs)

    def form_valid(self, form: WordsForm) -> HttpResponse:
        """Take the step."""
        try:
            self.take(form)
        except RequestError as error:
            form.add_error(None, str(error.sentence))
            form.renew(seen_version=self.patient_request.version)
            return self.form_invalid(form)
        self.forget_typed()
        if self.thanks:
            messages.success(self.request, str(self.thanks))
        return to_my_request(self.leads_to)

    def seen_version(self, form: WordsForm) -> int:
        """Return the version that was on the screen; one that is missing is no version."""
        seen = form.cleaned_data["seen_version"]
        return -1 if seen is None else seen

    def take(self, form: WordsForm) -> None:
        """Do it; raises RequestError."""
        raise NotImplementedError


class MessageView(WordsPage):
    """Write to the coordination office."""

    template_name = "teleconsult/message.html"
    typed_page = "message"
    action = Action.SEND_MESSAGE
    thanks = _("Your message has been sent.")
    leads_to = "#messages"

    def take(self, form: WordsForm) -> None:
        """Send it; pressed twice, one message."""
        workflow.send_message(
            request=self.patient_request, by=self.actor, text=form.cleaned_data["text"], idempotency_key=form.key
        )


class AnswerView(WordsPage):
    """Send what was asked for: a paper, or words."""

    template_name = "teleconsult/answer.html"
    typed_page = "answer"
    action = Action.ANSWER
    thanks = _("Thank you. Your answer has arrived.")

    def elsewhere(self) -> str:
        """Lead to the consent where that is what is asked for."""
        if self.patient_request.waiting_for == WaitingFor.CONSENT:
            return reverse("teleconsult:consent")
        return super().elsewhere()

    def get_form_kwargs(self) -> dict[str, Any]:
        """Let a paper alone be an answer."""
        is_question = self.patient_request.waiting_for == WaitingFor.ANSWER
        label = _("Your answer") if is_question else _("Something you want to add")
        return super().get_form_kwargs() | {"label": label, "is_required": False, "auto_id": "answer-%s"}

    def paper_form(self, data: Any = None, files: Any = None) -> DocumentForm:
        """Return the form of one paper."""
        request = self.patient_request
        form = DocumentForm(data, files, protocol=request.protocol, needs_authority=request.needs_authority)
        form.fields["file"].required = False
        return form

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Keep the paper; then, if it was the last, send the answer."""
        words, paper = self.get_form(), self.paper_form(request.POST, request.FILES)
        if not all([words.is_valid(), paper.is_valid()]):
            paper.say_choose_again()
            return self.render_to_response(self.get_context_data(form=words, paper=paper))
        if paper.cleaned_data.get("file"):
            try:
                workflow.add_document(request=self.patient_request, by=self.actor, **paper.details())
            except RequestError as error:
                paper.add_error("file", str(error.sentence))
                return self.render_to_response(self.get_context_data(form=words, paper=paper))
        elif "more" in request.POST:
            paper.add_error("file", gettext("Choose a file."))
            return self.render_to_response(self.get_context_data(form=words, paper=paper))
        if "more" in request.POST:
            # Shown again with the words that were typed; the same file sent twice is kept once.
            return self.render_to_response(self.get_context_data(form=words))
        return self.form_valid(words)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what was asked, and the papers sent since."""
        request = self.patient_request
        kwargs.setdefault("paper", self.paper_form())
        sent = request.documents.with_looks().filter(added_at__gte=request.paused_since)
        uploads = request.uploads.on_the_way()
        return super().get_context_data(asked=workflow.asked(request), sent=sent, uploads=uploads, **kwargs)

    def take(self, form: WordsForm) -> None:
        """Send the answer."""
        workflow.patient_answers(
            request=self.patient_request,
            by=self.actor,
            seen_version=self.seen_version(form),
            text=form.cleaned_data["text"],
        )


class ConsentView(WordsPage):
    """Read and give the consent that is asked for, or say no."""

    template_name = "teleconsult/consent.html"
    form_class = ConsentForm
    action = Action.ANSWER
    thanks = _("Thank you. Your answer has arrived.")

    @cached_property
    def facility(self) -> Facility | None:
        """Return the hospital that asks to read."""
        return workflow.awaited_facility(self.patient_request)

    @cached_property
    def wording(self) -> consent.ConsentText:
        """Return the wording in force, in the page's language."""
        return consent.text(ConsentPurpose.FACILITY, active_language())

    @property
    def checklist(self) -> checklist.Checklist:
        """Return the rules that would hold there, and how the papers fit them."""
        request = self.patient_request
        request.protocol = protocol_at(request, self.facility)
        return checklist.of_request(request)

    def elsewhere(self) -> str:
        """Lead back where no consent is asked for any more."""
        return super().elsewhere() if self.facility else reverse("teleconsult:my_request")

    def get_initial(self) -> dict[str, Any]:
        """Remember the wording that is on the screen."""
        return super().get_initial() | {"text_hash": self.wording.hash}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the wording with the facility's name in it."""
        return super().get_context_data(
            facility=self.facility,
            text=self.wording.naming(self.facility.short_name) if self.facility else self.wording,
            asked=workflow.asked(self.patient_request),
            checklist=self.checklist,
            **kwargs,
        )

    def form_invalid(self, form: ConsentForm) -> HttpResponse:
        """Show the wording in force with its own hash."""
        form.renew(text_hash=self.wording.hash)
        return super().form_invalid(form)

    @transaction.atomic
    def take(self, form: ConsentForm) -> None:
        """Give it, or say no; either way the words go to the office."""
        words, seen = form.cleaned_data["text"], self.seen_version(form)
        about = {"request": self.patient_request, "by": self.actor}
        if "agree" not in self.request.POST:
            workflow.patient_answers(**about, seen_version=seen, text=words or gettext("I do not agree."))
            return
        workflow.give_consent(
            **about,
            seen_version=seen,
            facility=self.facility,
            text_hash=form.cleaned_data["text_hash"],
            shown_in=active_language(),
        )
        if words:
            workflow.send_message(**about, text=words, idempotency_key=form.key)


class PaperView(SignedInPatientPage, FormView):
    """Send a paper without having been asked for it: what the checklist still misses, or a new result."""

    template_name = "teleconsult/paper.html"
    form_class = DocumentForm

    def elsewhere(self) -> str:
        """Lead to the screen of the draft, to the answer where a paper is asked for, else back."""
        request = self.patient_request
        if request.is_draft:
            return reverse("teleconsult:request_documents")
        if request.waiting_for == WaitingFor.DOCUMENT:
            return reverse("teleconsult:answer")
        is_possible = workflow.allows(Action.ADD_DOCUMENT, self.actor, request)
        return "" if is_possible else reverse("teleconsult:my_request")

    @cached_property
    def checklist(self) -> checklist.Checklist:
        """Return what the hospital asks for, against what was sent."""
        return checklist.of_request(self.patient_request)

    def get_form_kwargs(self) -> dict[str, Any]:
        """Offer the papers of the checklist, the first missing one chosen."""
        request, missing = self.patient_request, self.checklist.missing
        return super().get_form_kwargs() | {
            "protocol": request.protocol,
            "next_paper": missing[0].requirement if missing else None,
            "needs_authority": request.needs_authority,
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the checklist, the papers sent so far, and those on their way."""
        request = self.patient_request
        return super().get_context_data(
            patient_request=request,
            checklist=self.checklist,
            sent=request.documents.with_looks(),
            uploads=request.uploads.on_the_way(),
            **kwargs,
        )

    def form_valid(self, form: DocumentForm) -> HttpResponse:
        """Keep the file and lead back to the papers."""
        try:
            workflow.add_document(request=self.patient_request, by=self.actor, **form.details())
        except RequestError as error:
            form.add_error("file", str(error.sentence))
            return self.form_invalid(form)
        messages.success(self.request, gettext("Your file has arrived and is kept."))
        return to_my_request("#documents")


class TypedView(SignedInPatientPage, View):
    """Keep what is being typed; the script of the page calls it."""

    http_method_names = ["post"]

    def signed_out(self, request: HttpRequest) -> HttpResponse:
        """Say so without a page: nobody reads it."""
        return HttpResponse(status=403)

    def post(self, request: HttpRequest, page: str) -> HttpResponse:
        """Keep it; 404 for a page on which nothing is typed."""
        if page not in workflow.TYPED_ON:
            raise Http404
        words = {name: str(value) for name, value in request.POST.items()}
        try:
            workflow.keep_typed(request=self.patient_request, by=self.actor, page=page, words=words)
        except NotAllowed as error:
            raise Http404 from error
        return HttpResponse(status=204)


class SettingsView(SignedInPatientPage, FormView):
    """Change the language, the zone and the country; all that is sent later follows them."""

    template_name = "teleconsult/settings.html"
    form_class = SettingsForm

    def elsewhere(self) -> str:
        """Lead back where nothing is sent any more."""
        is_possible = workflow.allows(Action.CHANGE_SETTINGS, self.actor, self.patient_request)
        return "" if is_possible else reverse("teleconsult:my_request")

    def get_initial(self) -> dict[str, Any]:
        """Show what holds now."""
        return {name: getattr(self.patient_request, name) for name in ("language", "country", "zone")}

    def form_valid(self, form: SettingsForm) -> HttpResponse:
        """Keep it, and go on in the new language."""
        wanted = {name: form.cleaned_data[name] for name in ("language", "country", "zone")}
        try:
            workflow.change_settings(request=self.patient_request, by=self.actor, **wanted)
        except RequestError as error:
            form.add_error(None, str(error.sentence))
            return self.form_invalid(form)
        with translation.override(wanted["language"]):
            messages.success(self.request, gettext("Saved. From now on we write to you this way."))
            return to_my_request()


class WithdrawView(WordsPage):
    """Withdraw the request, after one question."""

    template_name = "teleconsult/withdraw.html"
    form_class = EndForm
    action = Action.WITHDRAW

    def take(self, form: EndForm) -> None:
        """End it."""
        workflow.withdraw(
            request=self.patient_request,
            by=self.actor,
            seen_version=self.seen_version(form),
            text=form.cleaned_data["text"],
        )


class EraseView(WordsPage):
    """Erase everything, after one question; the receipt and the session end with it."""

    template_name = "teleconsult/erase.html"
    form_class = EraseForm
    action = Action.ERASE
    thanks = _("Everything in your request has been erased.")

    def get_form_kwargs(self) -> dict[str, Any]:
        """Add the number that is to be typed."""
        return super().get_form_kwargs() | {"expected": self.patient_request.reference}

    def take(self, form: EndForm) -> None:
        """Destroy what can be read."""
        workflow.erase(request=self.patient_request, by=self.actor, seen_version=self.seen_version(form))

    def form_valid(self, form: EndForm) -> HttpResponse:
        """Take the cookie away: the session is over."""
        response = super().form_valid(form)
        if form.is_valid():
            access.delete_cookie(response)
        return response


class PaperOfTheRequest(SignedInPatientPage, View):
    """A page about one paper of the request."""

    def paper(self, document: uuid.UUID) -> Document:
        """Return it; one of another request is not there, and the trail says that it was asked for."""
        row = self.patient_request.papers.with_file().filter(pk=document).first()
        if row is None:
            reading.refuse_hidden(Document, document, by=self.actor, what="document")
            raise Http404
        return row


class DocumentView(PaperOfTheRequest):
    """Download one of one's own papers."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, document: uuid.UUID) -> HttpResponseBase:
        """Send the original; 404 for what belongs to another request."""
        row = self.paper(document)
        try:
            return document_response(row, self.actor, self.patient_request)
        except FileNotReady as error:
            self.say(error)
            return to_my_request()


class PreviewView(PaperOfTheRequest):
    """See a small picture of one of one's own papers."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, document: uuid.UUID, preview: uuid.UUID) -> HttpResponseBase:
        """Send the picture; 404 for what belongs to another request or is not released."""
        row = self.paper(document)
        picture = Preview.objects.filter(pk=preview, look__file=row.file).select_related("look__file").first()
        if picture is None:
            raise Http404
        try:
            return preview_response(picture, row, self.actor, self.patient_request)
        except FileNotReady as error:
            raise Http404 from error
