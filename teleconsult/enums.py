"""The closed lists of the second opinion: kinds, states, steps, roles, reasons."""

from django.db.models import IntegerChoices, TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class RequestKind(TextChoices):
    """What is asked; one life and one desk for all."""

    SECOND_OPINION = "second_opinion", _("Second opinion")
    QUESTION = "question", _("Question to the coordination office")
    CHECK_UP = "check_up", _("Check-up")
    ESTIMATE = "estimate", _("Cost estimate")
    COLLABORATION = "collaboration", _("Collaboration")


class Status(TextChoices):
    """Where a request stands; the words are those the patient reads."""

    DRAFT = "draft", pgettext_lazy("request status", "Draft")
    SUBMITTED = "submitted", pgettext_lazy("request status", "Sent")
    IN_TRIAGE = "in_triage", pgettext_lazy("request status", "With the coordination office")
    WITH_FACILITY = "with_facility", pgettext_lazy("request status", "With the facility")
    WITH_SPECIALIST = "with_specialist", pgettext_lazy("request status", "With the specialist")
    OPINION_READY = "opinion_ready", pgettext_lazy("request status", "Opinion ready")
    AWAITING_PATIENT = "awaiting_patient", pgettext_lazy("request status", "Waiting for you")
    DECLINED = "declined", pgettext_lazy("request status", "Not accepted")
    WITHDRAWN = "withdrawn", pgettext_lazy("request status", "Withdrawn")
    CLOSED = "closed", pgettext_lazy("request status", "Closed")
    EXPIRED = "expired", pgettext_lazy("request status", "Draft expired")
    ERASED = "erased", pgettext_lazy("request status", "Erased")


# Staff work on these; the patient can still withdraw.
OPEN_STATUSES = (
    Status.SUBMITTED,
    Status.IN_TRIAGE,
    Status.WITH_FACILITY,
    Status.WITH_SPECIALIST,
    Status.OPINION_READY,
    Status.AWAITING_PATIENT,
)
# Nobody works on these any more.
ENDED_STATUSES = (Status.DECLINED, Status.WITHDRAWN, Status.CLOSED, Status.EXPIRED, Status.ERASED)
# Someone of the office answers for these.
OWNED_STATUSES = (
    Status.IN_TRIAGE,
    Status.WITH_FACILITY,
    Status.WITH_SPECIALIST,
    Status.OPINION_READY,
    Status.AWAITING_PATIENT,
)
# `awaiting_patient` goes back to one of these.
RETURNING_STATUSES = (Status.IN_TRIAGE, Status.WITH_FACILITY, Status.WITH_SPECIALIST)
# A facility has the case in hand.
FACILITY_STATUSES = (Status.WITH_FACILITY, Status.WITH_SPECIALIST, Status.OPINION_READY)


class Action(TextChoices):
    """A step in the life of a request; each is one event of its history."""

    START = "start", _("Began the request")
    SAVE = "save", _("Saved an answer")
    SUBMIT = "submit", _("Sent the request")
    TAKE = "take", _("Took the request")
    TAKE_OVER = "take_over", _("Took the request over from a colleague")
    HAND_OVER = "hand_over", _("Handed the request to a colleague")
    ASK_DOCUMENT = "ask_document", _("Asked for a document")
    ASK_QUESTION = "ask_question", _("Asked a question")
    ASK_CONSENT = "ask_consent", _("Asked for consent to send the case to a facility")
    ANSWER = "answer", _("Answered")
    FORWARD = "forward", _("Sent the case to the facility")
    NAME_SPECIALIST = "name_specialist", _("Named the specialist")
    SETTLE_FEE = "settle_fee", _("Recorded that the fee is settled")
    RETURN_TO_TRIAGE = "return_to_triage", _("Returned the case to the coordination office")
    REFER = "refer", _("Referred the case to another facility")
    BEGIN_REFERRAL = "begin_referral", _("Began as a referral")
    DECLINE = "decline", _("Could not accept the request")
    CLOSE = "close", _("Closed the request")
    CLOSE_NO_ANSWER = "close_no_answer", _("Closed because no answer came")
    WITHDRAW = "withdraw", _("Withdrew the request")
    EXPIRE = "expire", _("The draft was forgotten and is gone")
    ERASE = "erase", _("Erased everything")
    ERASE_AGAIN = "erase_again", _("Erased everything again, after a backup was restored")
    GIVE_CONSENT = "give_consent", _("Gave consent")
    REVOKE_CONSENT = "revoke_consent", _("Revoked consent")
    CHANGE_SETTINGS = "change_settings", _("Changed language, time zone or country")
    STATE_AUTHORITY = "state_authority", _("Stated the authority to act for the patient")
    SET_URGENCY = "set_urgency", _("Changed the urgency")
    SEND_MESSAGE = "send_message", _("Wrote a message")
    WRITE_NOTE = "write_note", _("Wrote an internal note")
    ADD_DOCUMENT = "add_document", _("Added a document")
    REMOVE_DOCUMENT = "remove_document", _("Removed a document")
    ASK_RECEIPT = "ask_receipt", _("Asked for a new receipt")
    CONFIRM_IDENTITY = "confirm_identity", _("Confirmed who is asking")
    HOLD_SLOT = "hold_slot", _("Chose a time for the consultation")
    CONFIRM_BOOKING = "confirm_booking", _("Booked the consultation")
    MOVE_BOOKING = "move_booking", _("Moved the consultation")
    CANCEL_BOOKING = "cancel_booking", _("Cancelled the consultation")
    JOIN_WAITING = "join_waiting", _("Asked to be told when a time becomes free")
    LEAVE_WAITING = "leave_waiting", _("Left the waiting list for a time")
    RECORD_LATE = "record_late", _("Recorded that the consultation began late")
    RECORD_DONE = "record_done", _("Recorded that the consultation took place")
    RECORD_NO_SHOW = "record_no_show", _("Recorded that the patient did not come to the consultation")
    WRITE_OPINION = "write_opinion", _("Wrote at the opinion")
    SIGN_OPINION = "sign_opinion", _("Signed the opinion")
    WRITE_ADDENDUM = "write_addendum", _("Wrote at an addendum")
    SIGN_ADDENDUM = "sign_addendum", _("Signed an addendum to the opinion")
    ASK_FOLLOW_UP = "ask_follow_up", _("Asked a question about the opinion")
    ANSWER_FOLLOW_UP = "answer_follow_up", _("Answered a question about the opinion")
    CLOSE_ANSWERED = "close_answered", _("Closed after the opinion")


class Role(TextChoices):
    """In which quality someone acts on one request."""

    PATIENT = "patient", pgettext_lazy("role", "Patient")
    RELATIVE = "relative", pgettext_lazy("role", "Relative")
    COORDINATOR = "coordinator", pgettext_lazy("role", "Coordinator")
    FACILITY_OFFICE = "facility_office", pgettext_lazy("role", "Office of the facility")
    SPECIALIST = "specialist", pgettext_lazy("role", "Specialist")
    # A coordinator of another office who reads, and does nothing else, for a short time.
    EMERGENCY_READER = "emergency_reader", pgettext_lazy("role", "Coordinator, in an emergency")
    # Sees the time, the languages and the room of her consultations; of a request nothing.
    INTERPRETER = "interpreter", pgettext_lazy("role", "Interpreter")
    SYSTEM = "system", pgettext_lazy("role", "The portal itself")


STAFF_ROLES = (Role.COORDINATOR, Role.FACILITY_OFFICE, Role.SPECIALIST)


class ForWhom(TextChoices):
    """Who will read the answer: the patient, or someone acting for the patient."""

    SELF = "self", _("For myself")
    RELATIVE = "relative", _("For someone else")


class Sex(TextChoices):
    """As the papers give it; it may matter to a specialist and may be left out."""

    FEMALE = "female", _("Female")
    MALE = "male", _("Male")
    OTHER = "other", pgettext_lazy("sex", "Other")


class WaitingFor(TextChoices):
    """What the patient is asked for while the clock pauses."""

    DOCUMENT = "document", _("We are waiting for a document from you.")
    ANSWER = "answer", _("We are waiting for your answer to a question.")
    CONSENT = "consent", _("We are waiting for your consent.")


class Urgency(IntegerChoices):
    """The order of the queue: highest first."""

    ROUTINE = 0, pgettext_lazy("urgency", "Routine")
    SOON = 1, pgettext_lazy("urgency", "Soon")
    URGENT = 2, pgettext_lazy("urgency", "Urgent")


class ConsentPurpose(TextChoices):
    """What the patient allows."""

    COORDINATION = "coordination", _("The coordination office reads the request and its documents")
    FACILITY = "facility", _("One named facility reads the request and its documents")


class ConsentDecision(TextChoices):
    """Grant and revoke are two rows, never an update."""

    GRANT = "grant", _("Given")
    REVOKE = "revoke", _("Revoked")


class Direction(TextChoices):
    """Which way a message went."""

    FROM_PATIENT = "from_patient", _("From the patient")
    TO_PATIENT = "to_patient", _("To the patient")


class DeclineReason(TextChoices):
    """Why a request is not accepted; the patient reads it."""

    NOT_OFFERED = "not_offered", _("No facility that we reach offers what you ask for.")
    REQUIREMENTS = "requirements", _("The requirements of the facility exclude this case.")
    OTHER_SERVICE = (
        "other_service",
        _("A second opinion at a distance cannot answer this. You need to be examined in person."),
    )
    EMERGENCY = "emergency", _("This needs a doctor near you without delay.")
    NOT_MEDICAL = "not_medical", _("This is not a question about medical care.")
    DUPLICATE = "duplicate", _("We already have the same request from you.")
    OTHER = "other", _("Another reason, which you read in our note.")


class ReturnReason(TextChoices):
    """Why a facility gives a case back to the coordination office."""

    NOT_OUR_FIELD = "not_our_field", _("This is not our field.")
    INCOMPLETE = "incomplete", _("Documents are missing or cannot be used.")
    REQUIREMENTS = "requirements", _("Our requirements exclude this case.")
    NO_CAPACITY = "no_capacity", _("We cannot answer in the promised time.")
    CONSENT_REVOKED = "consent_revoked", _("The patient revoked consent.")
    RECALLED = "recalled", _("The coordination office took the case back.")
    OTHER = "other", _("Another reason, which you read in the note.")


# What a facility may choose; the other two are written by the steps themselves.
FACILITY_RETURN_REASONS = (
    ReturnReason.NOT_OUR_FIELD,
    ReturnReason.INCOMPLETE,
    ReturnReason.REQUIREMENTS,
    ReturnReason.NO_CAPACITY,
    ReturnReason.OTHER,
)


class Delivery(TextChoices):
    """Whether an opinion was delivered in the promised time; kept as the reason of its event."""

    ON_TIME = "on_time", _("Delivered in the promised time.")
    LATE = "late", _("Delivered after the promised time.")


class OptionKind(TextChoices):
    """Where what a specialist proposes would happen."""

    HOME = "home", pgettext_lazy("option of an opinion", "At home")
    TRAVEL = "travel", pgettext_lazy("option of an opinion", "With a journey to Lombardy")
    TRIAL = "trial", pgettext_lazy("option of an opinion", "In a clinical trial")


class CloseReason(TextChoices):
    """Why a request ended; the patient reads it."""

    ANSWERED = "answered", _("Your question is answered.")
    ANSWERED_OUTSIDE = "answered_outside", _("The facility answers you directly.")
    NO_ANSWER = "no_answer", _("We received no answer from you.")


class AccessLevel(TextChoices):
    """How much a patient's session opens."""

    # Receipt and mailed code.
    FULL = "full", _("Everything")
    # Mailed code alone: the status, and the wish for a new receipt.
    STATUS = "status", _("The status only")


class DayKind(TextChoices):
    """What a day is on the working-day clock; the names are those of the component `days`."""

    DONE = "done", pgettext_lazy("working day", "Used")
    PAUSED = "paused", pgettext_lazy("working day", "Paused, does not count")
    CLOSED = "closed", pgettext_lazy("day", "Weekend or public holiday")
    LEFT = "left", pgettext_lazy("working day", "Left")
    DUE = "due", pgettext_lazy("working day", "Answer due")
    LATE = "late", pgettext_lazy("working day", "Late")


class BookingStatus(TextChoices):
    """Where a consultation stands."""

    HELD = "held", pgettext_lazy("consultation", "Held for ten minutes")
    CONFIRMED = "confirmed", pgettext_lazy("consultation", "Confirmed")
    # The ten minutes were over, or another time was chosen instead.
    RELEASED = "released", pgettext_lazy("consultation", "Not confirmed")
    CANCELLED = "cancelled", pgettext_lazy("consultation", "Cancelled")
    DONE = "done", pgettext_lazy("consultation", "Took place")
    NO_SHOW = "no_show", pgettext_lazy("consultation", "The patient did not come")


# The database lets two of these never overlap for one person.
TAKEN_STATUSES = (BookingStatus.HELD, BookingStatus.CONFIRMED)


class ConsultationMode(TextChoices):
    """How patient and specialist meet."""

    REMOTE = "remote", pgettext_lazy("consultation", "By video")
    IN_PERSON = "in_person", pgettext_lazy("consultation", "In person")


class ExceptionKind(TextChoices):
    """What differs from the weekly pattern."""

    OFF = "off", pgettext_lazy("availability", "Not available")
    EXTRA = "extra", pgettext_lazy("availability", "Available besides")


class ReminderState(TextChoices):
    """What became of a reminder."""

    POSTED = "posted", pgettext_lazy("reminder", "Sent")
    TOO_LATE = "too_late", pgettext_lazy("reminder", "Too late, not sent")
