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
from teleconsult.workflow.drafts import LONGEST_NAME, Started, save_draft, send_question, start_draft, submit
from teleconsult.workflow.endings import close_no_answer, erase, erase_again, erase_again_under, expire, remains
from teleconsult.workflow.facility import name_specialist, return_to_triage, settle_fee
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
from teleconsult.workflow.patient import ask_receipt, patient_answers, withdraw
from teleconsult.workflow.possible import allowed_actions, allows, asked, awaited_facility
from teleconsult.workflow.referrals import refer
from teleconsult.workflow.requirements import missing_answers
from teleconsult.workflow.steps import LONGEST_TEXT
from teleconsult.workflow.uploads import (
    begin_upload,
    keep_upload,
    old_uploads,
    receive_upload,
    remove_old_uploads,
    remove_upload,
)

__all__ = [
    "LONGEST_NAME",
    "LONGEST_TEXT",
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
    "close",
    "close_no_answer",
    "confirm_booking",
    "confirm_identity",
    "decline",
    "erase",
    "erase_again",
    "erase_again_under",
    "expire",
    "forward",
    "give_consent",
    "hand_over",
    "hold_slot",
    "join_waiting",
    "keep_upload",
    "leave_waiting",
    "missing_answers",
    "move_booking",
    "name_specialist",
    "old_uploads",
    "patient_answers",
    "receive_upload",
    "record_done",
    "record_late",
    "record_no_show",
    "refer",
    "release_hold",
    "remains",
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
    "send_message",
    "send_question",
    "set_urgency",
    "settle_fee",
    "start_draft",
    "state_authority",
    "submit",
    "take",
    "take_over",
    "withdraw",
    "write_note",
    "zone_of_hours",
]
