"""Which protocol holds, and when its clock starts."""

from typing import TYPE_CHECKING

from facilities.models import Facility
from teleconsult import clock
from teleconsult.enums import RequestKind
from teleconsult.models import Request
from treatments.enums import ClockStart
from treatments.models import Protocol
from treatments.querysets import ProtocolQuerySet

if TYPE_CHECKING:
    from teleconsult.workflow.steps import Step


def protocol_for(request: Request, facility: Facility | None) -> Protocol | None:
    """Return the version in force today: the request keeps it. Only a second opinion has rules."""
    return _in_force(request, facility).first()


def protocol_at(request: Request, facility: Facility | None) -> Protocol | None:
    """Return the version that was checked, where it is this facility's: what the patient read holds. Else as above."""
    checked = request.protocol
    if checked is not None and facility is not None and checked.facility_id == facility.pk:
        return checked
    return protocol_for(request, facility)


def protocol_id_for(request: Request, facility: Facility | None) -> int | None:
    """Return the key of what `protocol_for` returns, without reading wide rows of the catalogue."""
    return _in_force(request, facility).values_list("pk", flat=True).first()


def _in_force(request: Request, facility: Facility | None) -> ProtocolQuerySet:
    if facility is None or request.kind != RequestKind.SECOND_OPINION:
        return Protocol.objects.none()
    return Protocol.objects.in_force().for_request(facility, request.treatment_slug)


def start_office_clock(step: "Step") -> None:
    office = step.request.office
    _start_clock(step, office.first_answer_working_days, office.province)


def start_facility_clock(step: "Step", starts: set[ClockStart]) -> None:
    """Start the facility's promise, if this is the moment from which it counts; else nothing is promised yet."""
    protocol, facility = step.request.protocol, step.facility or step.request.current_facility
    counts_now = protocol is not None and facility is not None and protocol.clock_starts in starts
    _start_clock(
        step,
        protocol.promised_working_days if protocol and counts_now else None,
        facility.province if facility else "",
    )


def count_anew(step: "Step") -> None:
    """Let the facility's days count from now where its rules say so, once the papers it asked for have arrived."""
    if clock.counts_anew(step.request):
        step.request.clock_started_at = step.now


def _start_clock(step: "Step", days: int | None, province: str) -> None:
    request = step.request
    if not days:
        request.clock_started_at = request.promised_days = request.due_at = None
        request.clock_province = ""
        return
    request.clock_started_at, request.promised_days, request.clock_province = step.now, days, province
    request.due_at = clock.due_at(step.now, days, province)
