"""The second opinion: who coordinates, what is asked, what happened to it, who may come back to it."""

from teleconsult.models.access import AccessCode, PatientSession, Receipt
from teleconsult.models.availability import (
    AvailabilityException,
    AvailabilityRule,
    Interpreter,
    LanguagePair,
    SpecialistProfile,
    VisitingDay,
)
from teleconsult.models.bookings import Booking, ConsultationReminder, WaitingEntry
from teleconsult.models.consents import Consent
from teleconsult.models.correspondence import InternalNote, Message
from teleconsult.models.documents import Document
from teleconsult.models.emergency import EmergencyAccess
from teleconsult.models.kept_words import KeptWords
from teleconsult.models.offices import CoordinationOffice, OfficeMember
from teleconsult.models.opinions import Addendum, FollowUpQuestion, Opinion
from teleconsult.models.requests import Alternative, Assignment, Event, Pause, Request
from teleconsult.models.sharing import SharedDocument
from teleconsult.models.typed import TypedText
from teleconsult.models.uploads import DocumentUpload

__all__ = [
    "AccessCode",
    "Addendum",
    "Alternative",
    "Assignment",
    "AvailabilityException",
    "AvailabilityRule",
    "Booking",
    "Consent",
    "ConsultationReminder",
    "CoordinationOffice",
    "Document",
    "DocumentUpload",
    "EmergencyAccess",
    "Event",
    "FollowUpQuestion",
    "InternalNote",
    "Interpreter",
    "KeptWords",
    "LanguagePair",
    "Message",
    "OfficeMember",
    "Opinion",
    "PatientSession",
    "Pause",
    "Receipt",
    "Request",
    "SharedDocument",
    "SpecialistProfile",
    "TypedText",
    "VisitingDay",
    "WaitingEntry",
]
