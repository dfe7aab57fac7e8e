"""The patient's pages of the live consultation: choose a time, keep it, confirm, move, cancel, wait, come in."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.generic import TemplateView, View

from teleconsult import appointment_sheet, appointments, calendar_files, reading, video, workflow
from teleconsult.appointments import Appointment
from teleconsult.calendar_files import Method
from teleconsult.enums import Action
from teleconsult.exceptions import AlreadyBooked, NotAllowed, RequestError
from teleconsult.forms.patient import active_language
from teleconsult.mailings import sign_in_url
from teleconsult.models import Booking
from teleconsult.views.patients import SignedInPatientPage

LONGEST_KEY = 60


def posted(request: HttpRequest, name: str) -> str:
    """Return a value a form sent, without what no form of ours sends."""
    return request.POST.get(name, "").replace("\x00", "")[:LONGEST_KEY]


def posted_number(request: HttpRequest, name: str) -> int:
    """Return a whole number a form sent; what is none is -1, which no row has."""
    typed = posted(request, name)
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else -1


def posted_id(request: HttpRequest, name: str) -> uuid.UUID:
    """Return the id a form sent, or a new one."""
    try:
        return uuid.UUID(posted(request, name))
    except ValueError:
        return uuid.uuid4()


class ConsultationPage(SignedInPatientPage):
    """A page about the consultation of the patient's request."""

    @cached_property
    def booking(self) -> Booking:
        """Return the booking the address names; 404 for what belongs to another request."""
        rows = Booking.objects.with_people().filter(request=self.patient_request)
        found = rows.filter(pk=self.kwargs["booking"]).first()
        if found is None:
            reading.refuse_hidden(Booking, self.kwargs["booking"], by=self.actor, what="consultation")
            raise Http404
        return found

    @property
    def appointment(self) -> Appointment:
        return Appointment(self.booking, self.patient_request.zone, timezone.now())

    def page_of(self, booking: Booking) -> HttpResponseRedirect:
        """Lead to the page of a consultation."""
        return HttpResponseRedirect(reverse("teleconsult:consultation", args=[booking.pk]))

    def to_choice(self) -> HttpResponseRedirect:
        """Lead to the choice of a time."""
        return HttpResponseRedirect(reverse("teleconsult:consultation_choose"))

    def refuse(self, error: RequestError, elsewhere: HttpResponse) -> HttpResponse:
        """Say on the next page why it was not possible; a stranger finds nothing."""
        if isinstance(error, NotAllowed):
            raise Http404 from error
        self.say(error)
        return elsewhere


class ChooseView(ConsultationPage, TemplateView):
    """The free times, day by day, on both clocks. Pressing one keeps it for ten minutes."""

    template_name = "teleconsult/consultation_choose.html"

    def elsewhere(self) -> str:
        """Lead back where nothing can be booked."""
        found = appointments.consultation_of(self.patient_request, self.actor)
        return "" if found and found.can_book or self.holds(found) else reverse("teleconsult:my_request")

    def holds(self, found: appointments.Consultation | None) -> bool:
        """Return whether a time is held: another one may be chosen instead."""
        return bool(found and found.appointment and found.appointment.is_held)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the days and times."""
        request = self.patient_request
        found = appointments.consultation_of(request, self.actor)
        wanted = self.request.GET.get("day", "").replace("\x00", "")[:LONGEST_KEY]
        return super().get_context_data(
            patient_request=request,
            choice=appointments.choice_of(request, wanted),
            is_waiting=bool(found and found.is_waiting),
            idempotency_key=uuid.uuid4(),
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Keep a time; pressed twice, one row."""
        try:
            booking = workflow.hold_slot(
                request=self.patient_request,
                by=self.actor,
                slot=posted(request, "slot"),
                idempotency_key=posted_id(request, "idempotency_key"),
            )
        except AlreadyBooked as error:
            return self.refuse(error, HttpResponseRedirect(reverse("teleconsult:my_request")))
        except RequestError as error:
            return self.refuse(error, self.to_choice())
        return self.page_of(booking)


class ConsultationView(ConsultationPage, TemplateView):
    """One consultation: both clocks, what to do now, how to come in."""

    template_name = "teleconsult/consultation_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add it as it is now."""
        return super().get_context_data(
            patient_request=self.patient_request,
            appointment=self.appointment,
            has_provider=video.has_provider(),
            **kwargs,
        )


class ConfirmView(ConsultationPage, View):
    """Make a time that is kept a promise."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Confirm; pressed twice, once."""
        try:
            booking = workflow.confirm_booking(
                booking=self.booking, by=self.actor, seen_version=posted_number(request, "seen_version")
            )
        except RequestError as error:
            elsewhere = self.to_choice() if self.is_let_go() else self.page_of(self.booking)
            return self.refuse(error, elsewhere)
        messages.success(request, _("Your consultation is booked. A calendar entry is on its way to your mailbox."))
        return self.page_of(booking)

    def is_let_go(self) -> bool:
        self.booking.refresh_from_db()
        return not self.booking.is_held and not self.booking.is_confirmed


class MoveView(ConsultationPage, TemplateView):
    """Another time for a consultation; the old one is free in the same moment."""

    template_name = "teleconsult/consultation_choose.html"

    def elsewhere(self) -> str:
        """Lead back where it can no longer be moved."""
        if self.request.method == "POST" or self.appointment.can_move:
            return ""
        return reverse("teleconsult:consultation", args=[self.booking.pk])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the days and times, and what is booked now."""
        wanted = self.request.GET.get("day", "").replace("\x00", "")[:LONGEST_KEY]
        return super().get_context_data(
            patient_request=self.patient_request,
            choice=appointments.choice_of(self.patient_request, wanted, besides=self.booking),
            moved=self.appointment,
            **kwargs,
        )

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Move it; moved already, nothing changes."""
        try:
            booking = workflow.move_booking(
                booking=self.booking,
                by=self.actor,
                seen_version=posted_number(request, "seen_version"),
                slot=posted(request, "slot"),
            )
        except RequestError as error:
            return self.refuse(error, self.page_of(self.booking))
        messages.success(request, _("Your consultation has a new time. The entry in your calendar moves with it."))
        return self.page_of(booking)


class CancelView(ConsultationPage, TemplateView):
    """Cancel after one question; only a POST does it, for mail scanners open links too."""

    template_name = "teleconsult/consultation_cancel.html"

    def elsewhere(self) -> str:
        """Lead back where there is nothing to cancel."""
        if self.request.method == "POST" or self.appointment.can_change:
            return ""
        return reverse("teleconsult:consultation", args=[self.booking.pk])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what would be cancelled."""
        return super().get_context_data(appointment=self.appointment, patient_request=self.patient_request, **kwargs)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Cancel it, or let a time go that was kept."""
        was_held = self.booking.is_held
        try:
            workflow.cancel_booking(
                booking=self.booking, by=self.actor, seen_version=posted_number(request, "seen_version")
            )
        except RequestError as error:
            return self.refuse(error, self.page_of(self.booking))
        if was_held:
            return self.to_choice()
        messages.success(request, _("The consultation is cancelled."))
        return HttpResponseRedirect(reverse("teleconsult:my_request"))


class WaitView(ConsultationPage, View):
    """Ask to be told when a time becomes free, or leave the queue."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Join, or leave; twice is once."""
        is_leaving = posted(request, "leave") == "1"
        action = Action.LEAVE_WAITING if is_leaving else Action.JOIN_WAITING
        try:
            if is_leaving:
                workflow.leave_waiting(request=self.patient_request, by=self.actor)
            else:
                workflow.join_waiting(request=self.patient_request, by=self.actor)
        except RequestError as error:
            return self.refuse(error, self.to_choice())
        told = {
            Action.JOIN_WAITING: _("We write to you once when a time becomes free. Nothing is booked for you."),
            Action.LEAVE_WAITING: _("You are no longer on the waiting list."),
        }
        messages.success(request, told[action])
        return self.to_choice()


class RoomView(ConsultationPage, TemplateView):
    """The way into the video room, shown once it is open; asked for by POST, kept by nobody."""

    template_name = "teleconsult/consultation_room.html"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the link."""
        try:
            url = video.enter(self.booking, by=self.actor, role=self.patient_request.patient_role)
        except RequestError as error:
            return self.refuse(error, self.page_of(self.booking))
        context = {"room_url": url, "appointment": self.appointment, "patient_request": self.patient_request}
        return self.render_to_response(self.get_context_data(**context))


class CalendarFileView(ConsultationPage, View):
    """The calendar entry as a file."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Send it; a time that is only kept has none."""
        if self.booking.is_held or self.booking.agreed_at is None:
            raise Http404
        language = active_language()
        text = calendar_files.entry(
            self.booking,
            method=Method.PUBLISH,
            language=language,
            zone=self.patient_request.zone,
            page_url=sign_in_url(language),
        )
        return download(text.encode(), "text/calendar; charset=utf-8", f"{self.patient_request.reference}.ics")


class SheetView(ConsultationPage, View):
    """The appointment on paper, both clocks on it."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Send the PDF."""
        if not self.booking.is_confirmed:
            raise Http404
        content = appointment_sheet.pdf(self.appointment, active_language())
        return download(content, "application/pdf", f"{self.patient_request.reference}.pdf")


def download(content: bytes, content_type: str, name: str) -> HttpResponse:
    """Return a file to keep."""
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
