"""Which facilities a request can be sent to through this portal."""

from django.db.models import Exists, OuterRef, QuerySet

from facilities.enums import StaffRole
from facilities.models import Facility, Membership
from treatments.models import Offer, Protocol, Treatment


def reached_facilities(treatment: Treatment | None = None) -> QuerySet[Facility]:
    """Return published facilities with an office here that have confirmed the treatment, or any, in slug order.

    A protocol in force is such a confirmation: it is verified, and names its treatments or holds for all on offer.
    """
    offices = Membership.objects.current().filter(
        facility=OuterRef("pk"), role=StaffRole.FACILITY_OFFICE, user__is_active=True
    )
    offers = Offer.objects.confirmed().filter(facility=OuterRef("pk"))
    protocols = Protocol.objects.in_force().filter(facility=OuterRef("pk"))
    if treatment is not None:
        offers = offers.filter(treatment=treatment)
        protocols = protocols.for_treatment(treatment)
    return (
        Facility.objects.published().filter(Exists(offices)).filter(Exists(offers) | Exists(protocols)).order_by("slug")
    )


def is_reached(facility: Facility, treatment: Treatment | None = None) -> bool:
    """Return whether a request about the treatment can be sent to the facility; if not, give its own address."""
    return reached_facilities(treatment).filter(pk=facility.pk).exists()
