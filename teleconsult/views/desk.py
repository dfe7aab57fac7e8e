"""The desk: the queue, one page a case, each step at an address of its own. Strangers find nothing there."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.generic import View
from django.views.generic.base import ContextMixin, TemplateResponseMixin

from taxonomy.languages import BCP47
from taxonomy.pages import PrivatePage
from teleconsult import (
    agenda,
    checklist,
    clock,
    desk,
    desk_opinions,
    emergency,
    permissions,
    reading,
    references,
    studies,
    workflow,
)
from teleconsult.enums import Action, Role
from teleconsult.exceptions import FileNotReady, NotAllowed, RequestError, WrongReference
from teleconsult.forms.desk import FORMS, WRITTEN, FilterForm, SearchForm, StepForm
from teleconsult.models import Document, Request, TypedText
from teleconsult.permissions import Actor
from teleconsult.views.downloads import document_response, preview_response
from vault.files import FileState
from vault.keys import KeyErased
from vault.previews import Preview

# What stays in the address while somebody works down a lane.
KEPT_IN_ADDRESS = ("lane", "owner", "language", "country", "urgency", "status", "kind", "age", "due")


class DeskPage(PrivatePage, TemplateResponseMixin, ContextMixin, View):
    """A page of the desk; the queue stands beside whatever is open."""

    @property
    def reader(self) -> Any:
        """Return the person who signed in; the door has let nobody else pass."""
        return self.request.user

    @property
    def actor(self) -> Actor:
        return Actor.staff(self.reader)

    @cached_property
    def address(self) -> QueryDict:
        """Return lane and filters as they stay in the addresses of the desk."""
        kept = QueryDict(mutable=True)
        for name in KEPT_IN_ADDRESS:
            value = self.request.GET.get(name, "").replace("\x00", "")[:80]
            if value:
                kept[name] = value
        return kept

    @property
    def query(self) -> str:
        """Return the same with its question mark, or nothing."""
        return f"?{self.address.urlencode()}" if self.address else ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the queue with its lanes and filters."""
        filters = FilterForm(self.address)
        queue = desk.queue_of(
            self.reader,
            self.address.get("lane", ""),
            narrow=filters.narrow,
            page=self.request.GET.get("page", "1"),
        )
        filters.offer(queue, self.reader)
        return super().get_context_data(
            queue=queue,
            lanes=[self._lane(kind, queue) for kind in queue.lanes],
            filters=filters,
            has_filters=bool(filters.in_force),
            all_url=f"{reverse('desk:queue')}?lane={queue.lane}",
            query=self.query,
            reader=self.reader,
            **{"search": SearchForm(auto_id="search-%s"), "not_found": "", **kwargs},
        )

    def _lane(self, kind: desk.LaneKind, queue: desk.Queue) -> dict[str, Any]:
        address = self.address.copy()
        address["lane"] = kind.key
        count = queue.counts[kind.key]
        return {
            "name": kind.name,
            "count": count,
            "url": f"{reverse('desk:queue')}?{address.urlencode()}",
            "is_current": kind.key == queue.lane,
            "is_late": kind.key == "late" and count > 0,
        }


class QueueView(DeskPage):
    """The queue in its lanes."""

    template_name = "teleconsult/desk/request_list.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show a lane; who interprets has no requests, only consultations."""
        context = self.get_context_data()
        queue = context["queue"]
        if not queue.is_office and not queue.counts["open"] and permissions.interprets_only(self.reader):
            return HttpResponseRedirect(reverse("desk:consultations"))
        return self.render_to_response(context)


class FindView(DeskPage):
    """Open a request by its reference, typed in any case and spacing."""

    template_name = "teleconsult/desk/request_list.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Lead to the case, or say in words that it is not on this desk."""
        form = SearchForm(request.GET, auto_id="search-%s")
        typed = request.GET.get("reference", "")
        try:
            case = desk.find_case(typed, self.reader)
        except desk.NoSuchCase:
            could_be = references.normalise(typed)
            sentence = _("There is no request %(reference)s on your desk.") % {"reference": could_be}
            return self.render_to_response(
                self.get_context_data(search=form, not_found=sentence if could_be else WrongReference.sentence),
                status=404,
            )
        return HttpResponseRedirect(reverse("desk:case", args=[case.reference]))


class CasePage(DeskPage):
    """A page of one case: who may not read it gets "not found", and the trail says that she tried."""

    case: Request

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Keep the reference that the address names."""
        super().setup(request, *args, **kwargs)
        self.reference = kwargs["reference"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the case, or nothing."""
        try:
            self.case = self.find()
            return super().dispatch(request, *args, **kwargs)
        except desk.NoSuchCase as error:
            raise Http404 from error
        except NotAllowed as error:
            reading.refuse(request=self.case, by=self.actor, what="desk")
            raise Http404 from error

    def find(self) -> Request:
        """Return the case; raises NoSuchCase."""
        return desk.find_case(self.reference, self.reader)

    @property
    def case_url(self) -> str:
        return reverse("desk:case", args=[self.case.reference]) + self.query


class CaseView(CasePage):
    """One case on one page; recorded in the trail before anything of it is shown."""

    template_name = "teleconsult/desk/request_detail.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the case."""
        return self.show()

    def show(
        self, *, sent: StepForm | None = None, error: RequestError | None = None, status: int = 200
    ) -> HttpResponse:
        """Show the case as it is now, with a form somebody sent as she left it."""
        case = self.case = desk.find_case(self.reference, self.reader)
        reading.view_request(request=case, by=self.actor)
        forms = self.forms_of(case, sent)
        left_over = self.left_over(forms, sent)
        return self.render_to_response(
            self.get_context_data(
                case=case,
                sent=sent,
                error=error,
                left_over=left_over,
                kept=sent if sent is not None and sent.action not in forms else None,
                message_form=forms.pop(Action.SEND_MESSAGE, None),
                note_form=forms.pop(Action.WRITE_NOTE, None),
                steps=list(forms.values()),
                **self.read(case),
            ),
            status=status,
        )

    def forms_of(self, case: Request, sent: StepForm | None) -> dict[Action, StepForm]:
        """Return a form for each step that is possible now, and no other, with what was typed before."""
        allowed = workflow.allowed_actions(self.actor, case)
        forms = {
            action: form(case=case, reader=self.reader, typed=self.typed.get(action))
            for action, form in FORMS.items()
            if action in allowed
        }
        if sent is not None and sent.action in forms:
            forms[sent.action] = sent
        needless = {Action.SETTLE_FEE, Action.CONFIRM_IDENTITY}
        return {action: form for action, form in forms.items() if action not in needless or form.is_possible}

    @cached_property
    def typed(self) -> dict[str, TypedText]:
        """Return what this person left in the forms of the case."""
        return desk.typed_by(self.case, self.reader)

    def left_over(self, forms: dict[Action, StepForm], sent: StepForm | None) -> list[StepForm]:
        """Return the forms that are not offered any more and still hold words of this person."""
        gone = [action for action in FORMS if action in self.typed and action not in forms]
        return [
            FORMS[action](case=self.case, reader=self.reader, typed=self.typed[action])
            for action in gone
            if sent is None or sent.action != action
        ]

    def read(self, case: Request) -> dict[str, Any]:
        """Return what the page says about the case."""
        now = timezone.now()
        roles = desk.roles_on(case, self.reader)
        side = desk.side_of(case, roles)
        papers = checklist.of_request(case)
        return {
            "item": desk.QueueItem(case, self.reader, now),
            "turn": desk.turn_of(case, self.reader, roles),
            "clock": desk.clock_of(case, now),
            "now_clocks": clock.two_clocks(now, case.zone),
            "checklist": papers,
            "documents": desk.papers_of(case, self.reader),
            "consents": desk.consents_of(case, side),
            "history": desk.history_of(case, side),
            "conversation": desk.conversation_of(case, self.reader),
            "notes": desk.notes_of(case, self.reader),
            "alternatives": case.alternatives.select_related("facility"),
            "linked": [(row, desk.WHERE_IT_IS[row.status]) for row in desk.linked_with(case, self.reader)],
            "emergencies": emergency.of_case(case) if side.is_office else [],
            "opinions": desk_opinions.lines_of(case, self.actor),
            "shows_mailbox": Role.COORDINATOR in roles,
            "consultation_url": self.consultation_url(case),
            "unrecorded": agenda.unrecorded_of(case, self.reader, now),
            "patient_lang": BCP47.get(case.language, case.language),
        }

    def consultation_url(self, case: Request) -> str:
        """Return where a consultation is booked for the patient, where that is possible now."""
        is_included = case.protocol is not None and case.protocol.includes_consultation
        is_possible = is_included and workflow.allows(Action.HOLD_SLOT, self.actor, case)
        return reverse("desk:book", args=[case.reference]) if is_possible else ""


class StepView(CaseView):
    """One step of a case. A GET opens its form on the page of the case; only a POST takes the step."""

    action: Action = Action.TAKE

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the case with this form open; what is not offered has no page."""
        if self.action not in workflow.allowed_actions(self.actor, self.case):
            raise Http404
        return self.show(sent=self.form())

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Take the step, or show the case again with the words still there."""
        form = self.form(request.POST)
        if "use_template" in request.POST and form.templates:
            return self.with_template(form, request.POST["use_template"])
        if not form.is_valid():
            # Who may not take the step at all learns nothing from the form's mistakes.
            if not permissions.may(self.action, self.actor, self.case):
                raise NotAllowed
            return self.show(sent=form)
        try:
            form.take(self.actor)
        except NotAllowed:
            raise
        except RequestError as error:
            self.keep(form)
            return self.show(sent=form, error=error, status=409)
        desk.forget_typed(self.case, self.reader, self.action)
        messages.success(request, str(form.done))
        return HttpResponseRedirect(self.next_url())

    def keep(self, form: StepForm) -> None:
        """Keep what was typed: whoever was second may need it on another day."""
        desk.keep_typed(self.case, self.reader, self.action, desk.values_in(self.request.POST, form.names))

    def form(self, data: Any = None) -> StepForm:
        """Return the form of the step, with what was typed before where nothing is sent."""
        typed = self.typed.get(self.action) if data is None else None
        return FORMS[self.action](data, case=self.case, reader=self.reader, typed=typed)

    def with_template(self, form: StepForm, key: str) -> HttpResponse:
        """Show the form with a ready-made text below what was typed; nothing is sent."""
        initial = {"text": form.with_template(key)}
        if self.action in WRITTEN:
            initial["idempotency_key"] = uuid.uuid4()
        return self.show(sent=FORMS[self.action](initial=initial, case=self.case, reader=self.reader))

    def next_url(self) -> str:
        """Return to the case, or to the queue where it is no longer hers to see."""
        is_visible = Request.objects.visible_to(self.reader).filter(pk=self.case.pk).exists()
        anchor = {Action.SEND_MESSAGE: "#conversation", Action.WRITE_NOTE: "#notes"}.get(self.action, "")
        return self.case_url + anchor if is_visible else reverse("desk:queue") + self.query


class TypedView(CasePage):
    """Keep what is being typed into a form, or throw it away; nothing is sent to anybody."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Lead to the case: somebody signed in again on the way."""
        return HttpResponseRedirect(self.case_url)

    def post(self, request: HttpRequest, *, step: str, **kwargs: Any) -> HttpResponse:
        """Keep it, and say when; a form sent without script leads back to the case."""
        action = next((action for action in FORMS if action.value == step), None)
        if action is None or not permissions.may(action, self.actor, self.case):
            raise Http404
        form = FORMS[action](request.POST, case=self.case, reader=self.reader)
        values = {} if "discard" in request.POST or form.was_sent else desk.values_in(request.POST, form.names)
        form.typed = desk.keep_typed(self.case, self.reader, action, values)
        if "application/json" in request.headers.get("Accept", ""):
            return JsonResponse({"words": form.typed_words})
        return HttpResponseRedirect(self.case_url)


class DocumentPage(CasePage):
    """Something of one document of a case."""

    def document(self) -> Document:
        """Return the document, if it belongs to this case."""
        rows = self.case.papers.visible_to(self.reader).with_looks()
        document = rows.filter(pk=self.kwargs["document"]).first()
        if document is None:
            raise Http404
        return document


class DocumentView(DocumentPage):
    """Download a document of a case; one that no scanner has seen opens after a warning only."""

    template_name = "teleconsult/desk/document_detail.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Send the original, or say first what there is to know."""
        document = self.document()
        return self.send(document) if document.file.state == FileState.CLEAN else self.explain(document)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Send the original after the warning."""
        return self.send(self.document())

    def send(self, document: Document) -> HttpResponseBase:
        """Stream the file; the trail is written before its first byte."""
        try:
            return document_response(document, self.actor, self.case)
        except FileNotReady:
            return self.explain(document)
        except (FileNotFoundError, KeyErased):
            return self.explain(document, is_gone=True)

    def explain(self, document: Document, *, is_gone: bool = False) -> HttpResponse:
        """Say why the file does not open, or warn before it does."""
        reading.view_request(request=self.case, by=self.actor)
        can_open = document.file.state == FileState.UNSCANNED and not is_gone
        return self.render_to_response(
            self.get_context_data(
                case=self.case,
                case_url=self.case_url,
                document=document,
                can_open=can_open,
                is_gone=is_gone,
                state=desk.FILE_STATES[document.file.state],
                state_text=desk.file_words(document.file),
            ),
            status=200 if can_open else 409,
        )


class PicturesView(DocumentPage):
    """Small pictures of a document on one page, with what its scans say; the original is what counts."""

    template_name = "teleconsult/desk/document_pictures.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the pictures."""
        document = self.document()
        if not document.file.is_readable or studies.look_at(document) is None:
            raise Http404
        reading.view_request(request=self.case, by=self.actor)
        return self.render_to_response(
            self.get_context_data(
                case=self.case, case_url=self.case_url, paper=desk.Paper(document, self.case), document=document
            )
        )


class PreviewView(DocumentPage):
    """One small picture."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Send the picture; the trail is written before its first byte."""
        document = self.document()
        rows = Preview.objects.filter(pk=kwargs["preview"], look__file=document.file)
        picture = rows.select_related("look__file").first()
        if picture is None:
            raise Http404
        try:
            return preview_response(picture, document, self.actor, self.case)
        except FileNotReady as error:
            raise Http404 from error
