"""The specialist writes, previews and signs an opinion, adds to it, and answers questions about it."""

from functools import cached_property
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.generic.base import ContextMixin

from accounts.reauthentication import require_factor_since
from taxonomy.languages import BCP47, direction
from teleconsult import desk, desk_opinions, opinions, reading, workflow
from teleconsult.enums import Action
from teleconsult.exceptions import NotAllowed, RequestError, StaleVersion
from teleconsult.forms.desk_opinions import AddendumForm, FollowUpAnswerForm, OpinionForm
from teleconsult.models import Addendum, FollowUpQuestion, Opinion, Request, TypedText
from teleconsult.views.desk import CasePage
from teleconsult.views.downloads import opinion_response

# Sent by the script that saves while somebody types.
BY_SCRIPT = "X-Saved-By-Script"


class OpinionPage(CasePage):
    """A page about the opinion of a case: for its specialist, and delivered for her facility. Nobody else finds it."""

    def find(self) -> Request:
        """Return the case; of a closed one its opinion opens for whoever signed it, and nothing else."""
        return desk_opinions.find_case(self.reference, self.reader)

    # Of the form of this page.
    typed_action = Action.WRITE_OPINION

    @property
    def typed_key(self) -> str:
        return desk_opinions.typed_key(self.typed_action, self.kwargs.get("question"))

    @cached_property
    def typed(self) -> TypedText | None:
        """Return what this person sent into the form after her session had ended."""
        return desk.typed_by(self.case, self.reader).get(self.typed_key) if self.request.method == "GET" else None

    @property
    def typed_data(self) -> QueryDict | None:
        return desk.data_of(self.typed) if self.typed else None

    def forget_typed(self) -> None:
        """Forget it: the words are saved or sent."""
        desk.forget_typed(self.case, self.reader, self.typed_key)

    @cached_property
    def opinion(self) -> Opinion | None:
        """Return the opinion this page is about; None before its first save."""
        return workflow.current_opinion(self.case) or workflow.own_opinion(self.case, self.actor)

    @property
    def may_write(self) -> bool:
        return workflow.allows(Action.WRITE_OPINION, self.actor, self.case)

    @property
    def may_add(self) -> bool:
        return self.opinion is not None and workflow.own_opinion(self.case, self.actor) == self.opinion

    def readable(self) -> Opinion:
        """Return the opinion to read, which the trail says; raises NotAllowed."""
        if self.opinion is None or not opinions.may_read(self.opinion, self.actor, self.case):
            raise NotAllowed
        return reading.view_opinion(opinion=self.opinion, by=self.actor)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Leave the queue out: a calm page for one text."""
        is_closed = self.case.is_ended
        return ContextMixin.get_context_data(
            self,
            reader=self.reader,
            case=self.case,
            case_url=reverse("desk:queue") if is_closed else self.case_url,
            patient_lang=BCP47.get(self.case.language, self.case.language),
            patient_dir=direction(self.case.language),
            **kwargs,
        )

    def seen(self, form: Form, kept: Opinion | Addendum | None, error: RequestError | None) -> dict[str, Any]:
        """Return the version the form carries: once both texts were shown, saving again replaces the other one."""
        is_stale = isinstance(error, StaleVersion)
        version = kept.version if kept else 0
        typed = form.data.get("seen_version", "") if form.is_bound and not is_stale else version
        return {"is_stale": is_stale, "seen_version": typed}

    def url(self, name: str) -> str:
        return reverse(f"desk:{name}", args=[self.case.reference])


class OpinionView(OpinionPage):
    """The editor of a draft; a delivered opinion as its readers see it, with its questions."""

    template_name = "teleconsult/desk/opinion_edit.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show what there is to do."""
        if self.opinion is not None and self.opinion.is_signed:
            return self.show_delivered()
        if not self.may_write:
            raise NotAllowed
        return self.show(self.form(self.typed_data))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Save the draft; what cannot be saved is shown again with every word."""
        if not self.may_write:
            raise NotAllowed
        form = self.form(request.POST)
        if not form.is_valid():
            return self.refused(form)
        try:
            opinion = workflow.write_opinion(
                request=self.case, by=self.actor, seen_version=form.seen(), text=form.text()
            )
        except NotAllowed:
            raise
        except RequestError as error:
            return self.refused(form, error)
        self.forget_typed()
        if BY_SCRIPT in request.headers:
            return JsonResponse({"version": opinion.version, "words": saved_words(opinion)})
        if "preview" in request.POST:
            return HttpResponseRedirect(self.url("opinion_preview"))
        messages.success(request, _("The draft is saved."))
        return HttpResponseRedirect(self.url("opinion"))

    def form(self, data: Any = None) -> OpinionForm:
        """Return the editor; a draft of hers that went back with the case is taken up again."""
        start = self.opinion
        if start is None and data is None:
            start = workflow.earlier_draft(self.case, self.actor)
            if start is not None:
                start.version = 0
        return OpinionForm(data, case=self.case, opinion=start)

    def show(self, form: OpinionForm, *, error: RequestError | None = None, status: int = 200) -> HttpResponse:
        """Show the editor."""
        draft = self.opinion
        if draft is not None:
            reading.view_opinion(opinion=draft, by=self.actor)
        else:
            reading.view_request(request=self.case, by=self.actor)
        return self.render_to_response(
            self.get_context_data(
                form=form,
                error=error,
                draft=draft,
                is_typed_again=self.typed is not None,
                saved=saved_words(draft) if draft else "",
                report_language=opinions.report_language(self.case),
                **self.seen(form, draft, error),
            ),
            status=status,
        )

    def refused(self, form: OpinionForm, error: RequestError | None = None) -> HttpResponse:
        """Say why nothing was saved, to the script or on the page."""
        if BY_SCRIPT in self.request.headers:
            words = (
                str(error.sentence)
                if error
                else _("Not saved: a text is too long. Press “Save the draft” to see which.")
            )
            return JsonResponse({"words": words}, status=409)
        return self.show(form, error=error, status=409 if error else 200)

    def show_delivered(self) -> HttpResponse:
        """Show the delivered opinion."""
        opinion = self.readable()
        by_current = workflow.allows(Action.ANSWER_FOLLOW_UP, self.actor, self.case)
        self.template_name = "teleconsult/desk/opinion_detail.html"
        return self.render_to_response(
            self.get_context_data(
                **as_the_patient_reads_it(opinion),
                lines=desk_opinions.delivery_words(opinion),
                may_add=self.may_add,
                may_answer=by_current,
                has_addendum_draft=self.may_add and opinion.addenda.filter(signed_at__isnull=True).exists(),
            )
        )


class PreviewView(OpinionPage):
    """The draft as the patient will read it, and the signature below it."""

    template_name = "teleconsult/desk/opinion_preview.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show it."""
        return self.show()

    def show(self, *, error: RequestError | None = None, status: int = 200) -> HttpResponse:
        """Show the draft as it is saved."""
        opinion = self.readable()
        if opinion.is_signed:
            return HttpResponseRedirect(self.url("opinion"))
        return self.render_to_response(
            self.get_context_data(
                **as_the_patient_reads_it(opinion),
                error=error,
                problems=desk_opinions.problems_of(opinion),
                may_sign=workflow.allows(Action.SIGN_OPINION, self.actor, self.case),
            ),
            status=status,
        )


class SignView(PreviewView):
    """Sign and deliver; the second factor is asked for after the text took its form."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the preview: nothing is signed unread."""
        return self.show()

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Sign what was on the screen."""
        opinion = self.readable()
        if not (self.may_write or self.may_add):
            raise NotAllowed
        if not opinion.is_signed and desk_opinions.problems_of(opinion):
            return self.show(status=409)
        factor_at = None if opinion.is_signed else require_factor_since(request, opinion.saved_at)
        try:
            workflow.sign_opinion(
                request=self.case, by=self.actor, seen_version=seen_version(request), factor_at=factor_at
            )
        except NotAllowed:
            raise
        except RequestError as error:
            return self.show(error=error, status=409)
        messages.success(request, _("The opinion is signed and delivered. The patient is told by mail."))
        return HttpResponseRedirect(self.url("opinion"))


class PdfView(OpinionPage):
    """The opinion as PDF; a draft says on every page that it is one."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Set and send it."""
        if self.opinion is None or not opinions.may_read(self.opinion, self.actor, self.case):
            raise NotAllowed
        return opinion_response(self.opinion, self.actor)


class AddendumView(OpinionPage):
    """Write an addendum; it is saved as a draft and signed by itself."""

    template_name = "teleconsult/desk/addendum_edit.html"
    typed_action = Action.WRITE_ADDENDUM

    @cached_property
    def draft(self) -> Addendum | None:
        return self.opinion.addenda.filter(signed_at__isnull=True).first() if self.opinion else None

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the draft."""
        return self.show(self.form(self.typed_data))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Save it."""
        form = self.form(request.POST)
        if not form.is_valid():
            return self.show(form)
        data = form.cleaned_data
        try:
            saved = workflow.write_addendum(
                request=self.case,
                by=self.actor,
                seen_version=form.seen(),
                text=data["text"],
                language=data["language"],
                translated_from=data["translated_from"] if data["translated_from"] != data["language"] else "",
            )
        except NotAllowed:
            raise
        except RequestError as error:
            return self.show(form, error=error, status=409)
        self.forget_typed()
        if BY_SCRIPT in request.headers:
            return JsonResponse({"version": saved.version, "words": saved_words(saved)})
        messages.success(request, _("The draft is saved. Read it below, then sign it."))
        return HttpResponseRedirect(self.url("addendum"))

    def form(self, data: Any = None) -> AddendumForm:
        """Return the form; raises NotAllowed for whoever did not sign the opinion."""
        if not self.may_add or self.opinion is None:
            raise NotAllowed
        return AddendumForm(data, opinion=self.opinion, draft=self.draft)

    def show(self, form: Form, *, error: RequestError | None = None, status: int = 200) -> HttpResponse:
        """Show form and draft."""
        self.readable()
        if BY_SCRIPT in self.request.headers:
            words = str(error.sentence) if error else _("Not saved: press “Save the draft” to see why.")
            return JsonResponse({"words": words}, status=409)
        return self.render_to_response(
            self.get_context_data(
                form=form,
                error=error,
                draft=self.draft,
                is_typed_again=self.typed is not None,
                saved=saved_words(self.draft) if self.draft else "",
                said=opinions.Said.of(self.draft, self.case) if self.draft else None,
                **self.seen(form, self.draft, error),
            ),
            status=status,
        )


class SignAddendumView(AddendumView):
    """Sign an addendum; the patient is told that there is something new to read."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the draft."""
        return self.show(self.form())

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Sign what was on the screen."""
        form = self.form()
        factor_at = require_factor_since(request, self.draft.saved_at) if self.draft else None
        try:
            workflow.sign_addendum(
                request=self.case, by=self.actor, seen_version=seen_version(request), factor_at=factor_at
            )
        except NotAllowed:
            raise
        except RequestError as error:
            return self.show(form, error=error, status=409)
        messages.success(request, _("The addendum is signed and delivered. The patient is told by mail."))
        return HttpResponseRedirect(self.url("opinion"))


class AnswerView(OpinionPage):
    """Answer a question of the patient about the opinion."""

    template_name = "teleconsult/desk/follow_up_answer.html"
    typed_action = Action.ANSWER_FOLLOW_UP

    @cached_property
    def question(self) -> FollowUpQuestion:
        """Return the question, if it belongs to this opinion."""
        opinion = self.readable()
        row = opinion.follow_up_questions.filter(pk=self.kwargs["question"]).first()
        if row is None:
            raise Http404
        return row

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the question with the form."""
        return self.show(self.form(self.typed_data))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Send the answer."""
        form = self.form(request.POST)
        if not form.is_valid():
            return self.show(form)
        try:
            workflow.answer_follow_up(question=self.question, by=self.actor, **form.cleaned_data)
        except NotAllowed:
            raise
        except RequestError as error:
            return self.show(form, error=error, status=409)
        self.forget_typed()
        messages.success(request, _("Your answer is sent. The patient is told by mail."))
        return HttpResponseRedirect(self.url("opinion"))

    def form(self, data: Any = None) -> FollowUpAnswerForm:
        """Return the form; raises NotAllowed for whoever may not answer."""
        if not workflow.allows(Action.ANSWER_FOLLOW_UP, self.actor, self.case):
            raise NotAllowed
        language = self.question.opinion.language
        return FollowUpAnswerForm(data, auto_id="answer-%s", initial={"language": language})

    def show(self, form: Form, *, error: RequestError | None = None, status: int = 200) -> HttpResponse:
        return self.render_to_response(
            self.get_context_data(
                form=form,
                error=error,
                question=opinions.question_of(self.question),
                is_typed_again=self.typed is not None,
            ),
            status=status,
        )


def as_the_patient_reads_it(opinion: Opinion) -> dict[str, Any]:
    """Return what the sheet of an opinion prints, in the patient's language: the desk may have another one."""
    with translation.override(opinion.request.language):
        return opinions.page_of(opinion)


def seen_version(request: HttpRequest) -> int:
    """Return the version that was on the screen; one that is no number is no version."""
    typed = request.POST.get("seen_version", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else -1


def saved_words(text: Opinion | Addendum) -> str:
    """Return when a draft was saved, in words."""
    return _("Draft saved on %(moment)s") % {"moment": desk.time_words(text.saved_at)}
