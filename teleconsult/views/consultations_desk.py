"""The desk's pages of live consultations: the agenda, one consultation, booking for a patient, one's own hours."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView

from taxonomy.countries import country_name
from taxonomy.pages import PrivatePage
from teleconsult import agenda, appointments, calendar_files, clock, desk, reading, video, workflow
from teleconsult.calendar_files import Method
from teleconsult.enums import Action, Role
from teleconsult.exceptions import NotAllowed, RequestError
from teleconsult.forms.availability import (
    ExceptionForm,
    LanguagesForm,
    RuleForm,
    VisitForm,
    language,
    weekday_choices,
)
from teleconsult.language_chain import chain_of
from teleconsult.models import (
    AvailabilityException,
    AvailabilityRule,
    Booking,
    Request,
    SpecialistProfile,
    VisitingDay,
)
from teleconsult.permissions import Actor
from teleconsult.views.consultations import download, posted, posted_id, posted_number


class ConsultationDeskPage(PrivatePage, TemplateView):
    """A page of the desk beside the queue."""

    @property
    def reader(self) -> Any:
        """Return the person who signed in; the door has let nobody else pass."""
        return self.request.user

    @property
    def actor(self) -> Actor:
        return Actor.staff(self.reader)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add who reads."""
        return super().get_context_data(reader=self.reader, **kwargs)

    def refuse(self, error: RequestError, url: str) -> HttpResponse:
        """Say on the next page why it was not possible; a stranger finds nothing."""
        if isinstance(error, NotAllowed):
            raise Http404 from error
        messages.error(self.request, str(error.sentence))
        return HttpResponseRedirect(url)


class AgendaView(ConsultationDeskPage):
    """All consultations the reader may know of."""

    template_name = "teleconsult/desk/consultation_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the agenda."""
        found = agenda.agenda_of(self.reader)
        reading.view_list(ids=found.request_ids, by=self.actor, what="agenda")
        return super().get_context_data(agenda=found, hours_role=workflow.role_with_hours(self.reader), **kwargs)


class BookingPage(ConsultationDeskPage):
    """A page of one consultation; 404 for what is not the reader's to know."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the consultation before the method is looked at: a stranger gets 404 to whatever is asked."""
        self.booking = self.find()
        return super().dispatch(request, *args, **kwargs)

    def find(self) -> Booking:
        """Return what the address names. Raises Http404."""
        rows = Booking.objects.visible_to(self.reader).with_people()
        found = rows.filter(pk=self.kwargs["booking"]).first()
        if found is None:
            reading.refuse_hidden(Booking, self.kwargs["booking"], by=self.actor, what="consultation")
            raise Http404
        return found

    @property
    def role(self) -> Role:
        return agenda.booked_role(self.booking, self.reader)

    @property
    def page_url(self) -> str:
        return reverse("desk:consultation", args=[self.booking.pk])


class BookingView(BookingPage):
    """One consultation: both clocks, languages, the room, what to record."""

    template_name = "teleconsult/desk/consultation_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add it as it is now; recorded in the trail before anything of it is shown."""
        reading.view_consultation(booking=self.booking, by=self.actor, role=self.role)
        return super().get_context_data(
            item=agenda.item_of(self.booking, self.reader), has_provider=video.has_provider(), **kwargs
        )


class BookingStepView(BookingPage):
    """A step of staff by POST; then back to the consultation."""

    http_method_names = ["post"]
    action: Action = Action.RECORD_DONE
    done = {
        Action.RECORD_DONE: gettext_lazy("Recorded: the consultation took place."),
        Action.RECORD_NO_SHOW: gettext_lazy("Recorded: the patient did not come."),
        Action.RECORD_LATE: gettext_lazy("Recorded: it began late."),
        Action.CANCEL_BOOKING: gettext_lazy("The consultation is cancelled. Everybody is told."),
    }

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Take the step."""
        about = {"booking": self.booking, "by": self.actor, "seen_version": posted_number(request, "seen_version")}
        try:
            if self.action == Action.RECORD_LATE:
                workflow.record_late(**about, minutes=posted_number(request, "minutes"))
            elif self.action == Action.RECORD_NO_SHOW:
                workflow.record_no_show(**about)
            elif self.action == Action.CANCEL_BOOKING:
                workflow.cancel_booking(**about)
            else:
                workflow.record_done(**about)
        except RequestError as error:
            return self.refuse(error, self.page_url)
        messages.success(request, str(self.done[self.action]))
        return HttpResponseRedirect(self.page_url)


class DeskRoomView(BookingPage):
    """The way into the video room for specialist and interpreter; asked for by POST."""

    http_method_names = ["post"]
    template_name = "teleconsult/desk/consultation_room.html"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the link to those who take part."""
        item = agenda.item_of(self.booking, self.reader)
        role = agenda.part_of(self.booking, self.reader)
        if role is None:
            raise Http404
        try:
            url = video.enter(self.booking, by=self.actor, role=role)
        except RequestError as error:
            return self.refuse(error, self.page_url)
        return self.render_to_response(self.get_context_data(item=item, room_url=url))


class DeskCalendarView(BookingPage):
    """The calendar entry as a file."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Send it; a time that is only held has none."""
        if self.booking.agreed_at is None:
            raise Http404
        reading.view_consultation(booking=self.booking, by=self.actor, role=self.role, as_file=True)
        zone = agenda.reader_zone(self.booking, self.role, self.reader)
        page = settings.PUBLIC_URL + reverse("desk:consultations")
        text = calendar_files.entry(self.booking, method=Method.PUBLISH, language=language(), zone=zone, page_url=page)
        return download(text.encode(), "text/calendar; charset=utf-8", f"{self.booking.request.reference}.ics")


class DeskMoveView(BookingPage):
    """Another time for a consultation, chosen by staff."""

    template_name = "teleconsult/desk/consultation_choose.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the free times, where it can still be moved."""
        if not agenda.item_of(self.booking, self.reader).can_change:
            return HttpResponseRedirect(self.page_url)
        case = self.booking.request
        reading.view_consultation(booking=self.booking, by=self.actor, role=self.role)
        context = self.get_context_data(
            case=case,
            moved=agenda.item_of(self.booking, self.reader).appointment,
            choice=appointments.choice_of(case, request.GET.get("day", "")[:20], besides=self.booking),
            problem=agenda.nothing_free(case, chain_of(case, self.booking.specialist)),
        )
        return self.render_to_response(context)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Move it; moved already, nothing changes."""
        try:
            workflow.move_booking(
                booking=self.booking,
                by=self.actor,
                seen_version=posted_number(request, "seen_version"),
                slot=posted(request, "slot"),
            )
        except RequestError as error:
            return self.refuse(error, self.page_url)
        messages.success(request, _("The consultation has a new time. Everybody is told."))
        return HttpResponseRedirect(self.page_url)


class DeskBookView(ConsultationDeskPage):
    """Book a consultation for a patient."""

    template_name = "teleconsult/desk/consultation_choose.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the case, or nothing."""
        try:
            self.case: Request = desk.find_case(kwargs["reference"], request.user)
        except desk.NoSuchCase as error:
            raise Http404 from error
        assignment = self.case.assignment
        may_book = workflow.allows(Action.HOLD_SLOT, Actor.staff(request.user), self.case)
        if not may_book or assignment is None or assignment.specialist is None:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the free times, or why there are none."""
        case = self.case
        reading.view_request(request=case, by=self.actor)
        visible = Booking.objects.visible_to(self.reader).confirmed().with_people()
        booked = visible.filter(request=case).first()
        return super().get_context_data(
            case=case,
            booked=agenda.item_of(booked, self.reader) if booked else None,
            is_included=bool(case.protocol and case.protocol.includes_consultation),
            choice=appointments.choice_of(case, self.request.GET.get("day", "").replace("\x00", "")[:20]),
            problem=agenda.nothing_free(case, chain_of(case, case.assignment.specialist)),
            idempotency_key=uuid.uuid4(),
            **kwargs,
        )

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Book in one step; pressed twice, one consultation."""
        here = reverse("desk:book", args=[self.case.reference])
        try:
            booking = workflow.book(
                request=self.case,
                by=self.actor,
                slot=posted(request, "slot"),
                idempotency_key=posted_id(request, "idempotency_key"),
            )
        except RequestError as error:
            return self.refuse(error, here)
        messages.success(request, _("The consultation is booked. Everybody is told."))
        return HttpResponseRedirect(reverse("desk:consultation", args=[booking.pk]))


class HoursView(ConsultationDeskPage):
    """One's own hours: the week, what differs, days abroad; each line by a form of its own."""

    template_name = "teleconsult/desk/availability.html"
    forms: dict[str, Any] = {
        "languages": LanguagesForm,
        "rule": RuleForm,
        "exception": ExceptionForm,
        "visit": VisitForm,
    }
    kinds: dict[str, type[models.Model]] = {
        "rule": AvailabilityRule,
        "exception": AvailabilityException,
        "visit": VisitingDay,
    }

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Let in those who can be booked."""
        self.role = workflow.role_with_hours(request.user)  # type: ignore[arg-type]
        if self.role is None:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add all lines and an empty form for each kind."""
        person = self.reader
        profile = SpecialistProfile.objects.filter(user=person).first()
        blank = {
            f"{name}_form": form(
                prefix=name, initial={"languages": profile.languages if profile else []} if name == "languages" else {}
            )
            for name, form in self.forms.items()
        }
        weekdays = dict(weekday_choices())
        visits = VisitingDay.objects.filter(person=person)
        zone = workflow.zone_of_hours(person)
        return super().get_context_data(
            **{
                **blank,
                "is_specialist": self.role == Role.SPECIALIST,
                "zone_place": clock.place_of(zone),
                "rules": [(row, weekdays[row.weekday]) for row in AvailabilityRule.objects.filter(person=person)],
                "exceptions": AvailabilityException.objects.filter(person=person),
                "visits": [(row, country_name(row.country, language()), clock.place_of(row.zone)) for row in visits],
                **kwargs,
            }
        )

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Add a line, or show the form again with what has to be put right."""
        kind = posted(request, "kind_of_line")
        if kind not in self.forms:
            raise Http404
        form = self.forms[kind](request.POST, prefix=kind)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(**{f"{kind}_form": form, "wrong": form}), status=200)
        try:
            form.save(self.actor)
        except RequestError as error:
            return self.refuse(error, reverse("desk:availability"))
        messages.success(request, _("Your hours are saved."))
        return HttpResponseRedirect(reverse("desk:availability"))


class RemoveHoursView(HoursView):
    """Remove a line of one's own hours."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Remove it; removed already, nothing changes."""
        model = self.kinds.get(posted(request, "kind_of_line"))
        if model is None:
            raise Http404
        workflow.remove_line(by=self.actor, model=model, pk=kwargs["line"])
        messages.success(request, _("The line is removed. What is booked stays booked."))
        return HttpResponseRedirect(reverse("desk:availability"))
