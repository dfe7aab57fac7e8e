"""Who may, at a facility."""

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Membership


def edits_a_listing(user: User) -> bool:
    """Return whether the person may edit the listing of any facility today."""
    return Membership.objects.current().filter(user=user, role=StaffRole.FACILITY_EDITOR).exists()
