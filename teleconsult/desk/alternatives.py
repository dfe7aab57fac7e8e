"""Who else could answer: reached through this portal, or by an address of its own."""

from collections.abc import Iterable

from facilities.models import Facility
from teleconsult.models import Request


def not_reached(request: Request, reached: Iterable[Facility]) -> list[Facility]:
    """Return the facilities that offer the treatment, or were wished for, and have no office here."""
    known = {facility.pk for facility in reached}
    others: dict[int, Facility] = {}
    if request.facility is not None:
        others[request.facility.pk] = request.facility
    if request.treatment is not None:
        for offer in request.treatment.offers.public().select_related("facility"):
            others.setdefault(offer.facility_id, offer.facility)
    return [facility for pk, facility in others.items() if pk not in known]
