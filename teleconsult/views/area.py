"""My request: coming back without a password, and what a patient sees and does there. And a question to the office."""

import secrets
import uuid
from typing import Any

import segno
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.views.generic import FormView, TemplateView, View

from facilities.models import Facility
from taxonomy.languages import BCP47
from teleconsult import access, checklist, clock, consent, reading, red_flags, workflow
from teleconsult.enums import AccessLevel, Action, ConsentPurpose
from teleconsult.exceptions import FileNotReady, NotAllowed, RequestError
from teleconsult.forms.patient import (
    CodeForm,
    ContactForm,
    DocumentForm,
    LostReferenceForm,
    ReferenceForm,
    WordsForm,
    active_language,
)
from teleconsult.models import Document, Request
from teleconsult.timeline import timeline_of, turn_of
from teleconsult.views.downloads import document_response
from teleconsult.views.patients import PatientPage, SignedInPatientPage

BROWSER_COOKIE = settings.PATIENT_COOKIE_NAME + "-browser"
CODE_COOKIE = settings.PATIENT_COOKIE_NAME + "-code"
CODE_SECONDS = int(access.CODE_LIFE.total_seconds())


# --- coming back ---------------------------------------------------------------------------------------------------


class SendsCode(PatientPage):
    """A page that asks for a mailed code; the answer looks the same whether or not there is such a request."""

    def send_code(self, reference: str, secret: str) -> HttpResponse:
        """Send a code and lead to where it is entered; this browser alone can use it. Raises RequestError."""
        browser = self.request.COOKIES.get(BROWSER_COOKIE) or secrets.token_urlsafe(24)
        asked = access.ask_code(reference=reference, secret=secret, browser=browser, network=self.network)
        response = HttpResponseRedirect(reverse("teleconsult:code"))
        for name, value in ((BROWSER_COOKIE, browser), (CODE_COOKIE, str(asked.code_id))):
            response.set_cookie(
                name,
                value,
                max_age=CODE_SECONDS,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response


class MyRequestView(SendsCode, FormView):
    """The sign-in; with a living session, the request itself."""

    template_name = "teleconsult/sign_in.html"
    form_class = ReferenceForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the request to whoever has come in."""
        session = access.session_of(request)
        if session is not None and request.method in {"GET", "HEAD"}:
            return RequestView.as_view()(request)
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Say why the sign-in is shown, where a session has ended."""
        return super().get_context_data(has_ended="ended" in self.request.GET, **kwargs)

    def form_valid(self, form: ReferenceForm) -> HttpResponse:
        """Send the code."""
        try:
            return self.send_code(
                form.cleaned_data["reference"], form.cleaned_data["secret"].rstrip("/").split("/")[-1]
            )
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
        return HttpResponseRedirect(reverse("teleconsult:my_request"))


# --- the request ---------------------------------------------------------------------------------------------------


class RequestView(SignedInPatientPage, TemplateView):
    """Whose turn it is, the clock, what happened, messages, documents and who opened them."""

    needs_receipt = False
    template_name = "teleconsult/my_request.html"

    def get_template_names(self) -> list[str]:
        """Show the status alone to whoever came with the mailed code alone."""
        is_full = self.session.level == AccessLevel.FULL
        return [self.template_name if is_full else "teleconsult/my_request_status.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the level of the session opens."""
        request = self.patient_request
        context = super().get_context_data(
            patient_request=request,
            turn=turn_of(request),
            progress=clock.progress(request),
            due=clock.two_clocks(request.due_at, request.zone) if request.due_at else [],
            timeline=timeline_of(request),
            allowed=set(workflow.allowed_actions(self.actor, request)),
            actions=Action,
            **kwargs,
        )
        return context | self._opened(request) if self.session.level == AccessLevel.FULL else context

    def _opened(self, request: Request) -> dict[str, Any]:
        openings = reading.openings_of(request)
        documents = [(row, openings.get(str(row.pk), [])) for row in request.documents.with_file()]
        return {
            "documents": documents,
            "checklist": checklist.of_request(request),
            "messages_written": request.messages.select_related("facility"),
            "case_openings": openings.get(str(request.pk), []),
            "consents": request.consents.live().select_related("facility"),
            "alternatives": request.alternatives.select_related("facility"),
            "message_form": WordsForm(initial={"idempotency_key": uuid.uuid4()}, auto_id="message-%s"),
            "has_receipt_to_keep": bool(self.session.unconfirmed_secret),
            "bcp47": BCP47,
        } | receipt_of(self)


def receipt_of(page: SignedInPatientPage) -> dict[str, Any]:
    """Return the receipt as the component prints it, while it is not kept yet."""
    secret = page.session.unconfirmed_secret
    if not secret:
        return {}
    path = reverse("teleconsult:private_link", args=[page.patient_request.reference, secret])
    link = settings.PUBLIC_URL + path
    code = segno.make(link, error="m").svg_inline(omitsize=True, border=2, lineclass=None, svgclass=None)
    return {"receipt_link": link, "receipt_qr": mark_safe(code)}  # noqa: S308  made by segno from our own address


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
        return HttpResponseRedirect(reverse("teleconsult:my_request"))

    def take(self, request: HttpRequest) -> None:
        """Do it; raises RequestError."""
        raise NotImplementedError

    def seen_version(self) -> int:
        """Return the version that was on the screen; one that is no number is no version."""
        typed = self.request.POST.get("seen_version", "")
        return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else -1

    def facility(self) -> Facility | None:
        """Return the facility a form names; 404 for one that does not exist."""
        slug = self.request.POST.get("facility", "").replace("\x00", "")
        if not slug:
            return None
        facility = Facility.objects.filter(slug=slug).first()
        if facility is None:
            raise Http404
        return facility


class ReceiptView(PatientStep):
    """The patient has kept the receipt: it is never shown again."""

    def take(self, request: HttpRequest) -> None:
        """Forget the secret."""
        access.receipt_is_kept(self.session)


class NewReceiptView(PatientStep):
    """Make a new receipt; the old one ends."""

    needs_receipt = False

    def take(self, request: HttpRequest) -> None:
        """Show the new one in this session."""
        secret = workflow.ask_receipt(request=self.patient_request, by=self.actor)
        access.keep_secret(self.session, secret)


class SignOutView(PatientPage, View):
    """End the session in this browser."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """End it, if there is one."""
        session = access.session_of(request)
        if session is not None:
            access.end_session(session)
        response = HttpResponseRedirect(reverse("home"))
        access.delete_cookie(response)
        return response


class AnswerView(SignedInPatientPage, FormView):
    """Send what was asked for: a paper, or words."""

    template_name = "teleconsult/answer.html"
    form_class = DocumentForm
    http_method_names = ["get", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Lead back where nothing is asked any more."""
        session = access.session_of(request)
        if session is not None and not session.request.waiting_for:
            return HttpResponseRedirect(reverse("teleconsult:my_request"))
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        """Offer the papers of the checklist."""
        return super().get_form_kwargs() | {"protocol": self.patient_request.protocol}

    def get_form(self, form_class: Any = None) -> Any:
        """Let words alone be an answer."""
        form = super().get_form(form_class)
        form.fields["file"].required = False
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what was asked, and the words typed so far."""
        request = self.patient_request
        sent = request.documents.filter(added_at__gte=request.paused_since) if request.paused_since else []
        words = kwargs.pop("words", None) or WordsForm(
            self.request.POST or None, initial={"seen_version": request.version}, auto_id="answer-%s"
        )
        return super().get_context_data(
            asked=workflow.asked(request), words=words, patient_request=request, sent=sent, **kwargs
        )

    def form_valid(self, form: DocumentForm) -> HttpResponse:
        """Keep the file; then, if it was the last, send the answer."""
        words = WordsForm(self.request.POST, auto_id="answer-%s")
        if not words.is_valid():
            return self.render_to_response(self.get_context_data(form=form, words=words))
        try:
            if form.cleaned_data.get("file"):
                workflow.add_document(request=self.patient_request, by=self.actor, **form.details())
            if "more" in self.request.POST:
                return HttpResponseRedirect(reverse("teleconsult:answer"))
            fresh = Request.objects.get(pk=self.patient_request.pk)
            seen = words.cleaned_data.get("seen_version") or fresh.version
            workflow.patient_answers(request=fresh, by=self.actor, seen_version=seen, text=words.cleaned_data["text"])
        except RequestError as error:
            form.add_error(None, str(error.sentence))
            return self.render_to_response(self.get_context_data(form=form, words=words))
        messages.success(self.request, gettext("Thank you. Your answer has arrived, and the clock runs again."))
        return HttpResponseRedirect(reverse("teleconsult:my_request"))


class MessageView(SignedInPatientPage, FormView):
    """Write to the coordination office."""

    template_name = "teleconsult/message.html"
    form_class = WordsForm

    def get_initial(self) -> dict[str, Any]:
        """Give the message an id of its own: pressed twice, one message."""
        return {"idempotency_key": uuid.uuid4()}

    def form_valid(self, form: WordsForm) -> HttpResponse:
        """Send it."""
        key = form.cleaned_data.get("idempotency_key") or uuid.uuid4()
        try:
            workflow.send_message(
                request=self.patient_request, by=self.actor, text=form.cleaned_data["text"], idempotency_key=key
            )
        except RequestError as error:
            form.add_error("text", str(error.sentence))
            return self.form_invalid(form)
        messages.success(self.request, gettext("Your message has been sent."))
        return HttpResponseRedirect(reverse("teleconsult:my_request") + "#messages")


class ConsentView(SignedInPatientPage, TemplateView):
    """Read and give the consent that is asked for."""

    template_name = "teleconsult/consent.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the wording with the facility's name in it."""
        facility = workflow.awaited_facility(self.patient_request)
        if facility is None:
            raise Http404
        text = consent.text(ConsentPurpose.FACILITY, active_language())
        return super().get_context_data(
            facility=facility,
            text=text.naming(facility.short_name),
            text_hash=text.hash,
            patient_request=self.patient_request,
            asked=workflow.asked(self.patient_request),
            **kwargs,
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        """Give it, or say no: the words go back to the office."""
        facility = workflow.awaited_facility(self.patient_request)
        seen = self.patient_request.version
        try:
            if "agree" in request.POST:
                workflow.give_consent(
                    request=self.patient_request,
                    by=self.actor,
                    seen_version=seen,
                    facility=facility,
                    text_hash=request.POST.get("text_hash", ""),
                    shown_in=active_language(),
                )
            else:
                words = request.POST.get("text", "").strip() or gettext("I do not agree.")
                workflow.patient_answers(request=self.patient_request, by=self.actor, seen_version=seen, text=words)
        except RequestError as error:
            self.say(error)
        return HttpResponseRedirect(reverse("teleconsult:my_request"))


class RevokeConsentView(PatientStep):
    """Take a consent back."""

    def take(self, request: HttpRequest) -> None:
        """End the access at once."""
        workflow.revoke_consent(
            request=self.patient_request, by=self.actor, seen_version=self.seen_version(), facility=self.facility()
        )


class WithdrawView(SignedInPatientPage, TemplateView):
    """Withdraw the request, after one question."""

    template_name = "teleconsult/withdraw.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the request."""
        return super().get_context_data(patient_request=self.patient_request, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        """End it."""
        try:
            workflow.withdraw(
                request=self.patient_request,
                by=self.actor,
                seen_version=self.patient_request.version,
                text=request.POST.get("text", "").replace("\x00", ""),
            )
        except RequestError as error:
            self.say(error)
        return HttpResponseRedirect(reverse("teleconsult:my_request"))


class DocumentView(SignedInPatientPage, View):
    """Download one of one's own papers."""

    def get(self, request: HttpRequest, document: uuid.UUID) -> HttpResponseBase:
        """Send the original; 404 for what belongs to another request."""
        row = Document.objects.with_file().filter(request=self.patient_request, pk=document).first()
        if row is None:
            raise Http404
        try:
            return document_response(row, self.actor)
        except FileNotReady as error:
            self.say(error)
            return HttpResponseRedirect(reverse("teleconsult:my_request"))


# --- a question to the coordination office --------------------------------------------------------------------------


class ContactView(PatientPage, FormView):
    """Ask a coordinator, with what was typed in the search."""

    template_name = "teleconsult/contact.html"
    form_class = ContactForm

    def get_form_kwargs(self) -> dict[str, Any]:
        """Add the wording of the consent."""
        return super().get_form_kwargs() | {"consent": self.consent}

    @property
    def consent(self) -> consent.ConsentText:
        """Return the wording in the page's language."""
        return consent.text(ConsentPurpose.COORDINATION, active_language())

    def get_initial(self) -> dict[str, Any]:
        """Carry along what was typed."""
        return {"question": self.request.GET.get("words", "").replace("\x00", "")[:500]}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the text of the consent."""
        return super().get_context_data(consent_text=self.consent, now=timezone.now(), **kwargs)

    def form_valid(self, form: ContactForm) -> HttpResponse:
        """Send the question; one that sounds like an emergency is first answered with whom to call."""
        if red_flags.mentions_emergency(form.cleaned_data["question"]) and "read_emergency" not in self.request.POST:
            return self.render_to_response(self.get_context_data(form=form, is_emergency=True))
        self.count_start()
        try:
            started = workflow.send_question(
                answers=form.answers(),
                idempotency_key=form.cleaned_data["idempotency_key"],
                coordination_consent=self.consent.hash,
                shown_in=active_language(),
            )
        except RequestError as error:
            form.add_error(None, str(error.sentence))
            return self.form_invalid(form)
        response = HttpResponseRedirect(reverse("teleconsult:my_request"))
        if started.secret:
            access.set_cookie(response, access.start_session(started.request, secret=started.secret))
        return response
