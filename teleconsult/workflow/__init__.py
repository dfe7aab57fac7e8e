"""Every step in the life of a request; the table of them is `teleconsult.transitions`.

Each locks the row, checks who and what, and writes the event, the trail and the messages in one transaction. All take
`by=` and raise `NotAllowed` (a stranger), `IllegalStep` (not from this status) and, where `seen_version` is asked for,
`StaleVersion`.
"""

from teleconsult.workflow.availability import (
    add_exception,
    add_rule,
    add_visit,
    remove_line,
    role_with_hours,
    save_languages,
    zone_of_hours,
)
from teleconsult.workflow.bookings import (
    book,
    cancel_booking,
    confirm_booking,
    hold_slot,
    join_waiting,
    leave_waiting,
    move_booking,
    record_done,
    record_late,
    record_no_show,
    release_hold,
)
from teleconsult.workflow.correspondence import send_message, write_note
from teleconsult.workflow.decisions import give_consent, revoke_consent, state_authority
from teleconsult.workflow.documents import add_document, remove_document, remove_old_documents
from teleconsult.workflow.drafts import LONGEST_NAME, Started, save_draft, send_enquiry, start_draft, submit
from teleconsult.workflow.endings import close_no_answer, erase, expire
from teleconsult.workflow.facility import name_specialist, return_to_triage, settle_fee
from teleconsult.workflow.kept_words import TYPED_ON, forget_typed, keep_typed, typed
from teleconsult.workflow.office import (
    ask_consent,
    ask_document,
    ask_question,
    close,
    confirm_identity,
    decline,
    forward,
    hand_over,
    set_urgency,
    take,
    take_over,
)
from teleconsult.workflow.patient import ask_receipt, change_settings, patient_answers, withdraw
from teleconsult.workflow.possible import allowed_actions, allows, asked, awaited_facility
from teleconsult.workflow.referrals import refer
from teleconsult.workflow.requirements import DOCUMENTS_KEPT, NO_ANSWER_AFTER, REQUEST_KEPT, missing_answers
from teleconsult.workflow.steps import LONGEST_TEXT
from teleconsult.workflow.uploads import begin_upload, keep_upload, receive_upload, remove_old_uploads, remove_upload

__all__ = [
    "DOCUMENTS_KEPT",
    "LONGEST_NAME",
    "LONGEST_TEXT",
    "NO_ANSWER_AFTER",
    "REQUEST_KEPT",
    "TYPED_ON",
    "Started",
    "add_document",
    "add_exception",
    "add_rule",
    "add_visit",
    "allowed_actions",
    "allows",
    "ask_consent",
    "ask_document",
    "ask_question",
    "ask_receipt",
    "asked",
    "awaited_facility",
    "begin_upload",
    "book",
    "cancel_booking",
    "change_settings",
    "close",
    "close_no_answer",
    "confirm_booking",
    "confirm_identity",
    "decline",
    "erase",
    "expire",
    "forget_typed",
    "forward",
    "give_consent",
    "hand_over",
    "hold_slot",
    "join_waiting",
    "keep_typed",
    "keep_upload",
    "leave_waiting",
    "missing_answers",
    "move_booking",
    "name_specialist",
    "patient_answers",
    "receive_upload",
    "record_done",
    "record_late",
    "record_no_show",
    "refer",
    "release_hold",
    "remove_document",
    "remove_line",
    "remove_old_documents",
    "remove_old_uploads",
    "remove_upload",
    "return_to_triage",
    "revoke_consent",
    "role_with_hours",
    "save_draft",
    "save_languages",
    "send_enquiry",
    "send_message",
    "set_urgency",
    "settle_fee",
    "start_draft",
    "state_authority",
    "submit",
    "take",
    "take_over",
    "typed",
    "withdraw",
    "write_note",
    "zone_of_hours",
]
