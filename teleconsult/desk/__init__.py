"""What the desk shows: the queue in its lanes, how a case stands in words, and whose turn it is."""

from teleconsult.desk.alternatives import not_reached
from teleconsult.desk.case import NoSuchCase, Side, find_case, roles_on, side_of
from teleconsult.desk.clock_face import ClockFace, clock_of
from teleconsult.desk.conversation import Line, conversation_of, notes_of
from teleconsult.desk.history import REASONS, HistoryLine, history_of, reason_words
from teleconsult.desk.lanes import ENDED_LATELY, LANES, LaneKind
from teleconsult.desk.papers import FILE_STATES, ConsentLine, Paper, consents_of, file_words, papers_of
from teleconsult.desk.queue import CountedPaginator, Queue, QueueItem, queue_of
from teleconsult.desk.standing import WHERE_IT_IS, Standing, standing_of
from teleconsult.desk.turn import AWAITED, Turn, turn_of
from teleconsult.desk.words import (
    active_language,
    age_words,
    day_words,
    left_words,
    owner_words,
    place_and_language,
    size_words,
    time_words,
)

__all__ = [
    "AWAITED",
    "ClockFace",
    "ConsentLine",
    "CountedPaginator",
    "ENDED_LATELY",
    "FILE_STATES",
    "HistoryLine",
    "LANES",
    "LaneKind",
    "Line",
    "NoSuchCase",
    "Paper",
    "Queue",
    "QueueItem",
    "REASONS",
    "Side",
    "Standing",
    "Turn",
    "WHERE_IT_IS",
    "active_language",
    "age_words",
    "clock_of",
    "consents_of",
    "conversation_of",
    "day_words",
    "file_words",
    "find_case",
    "history_of",
    "left_words",
    "not_reached",
    "notes_of",
    "owner_words",
    "papers_of",
    "place_and_language",
    "queue_of",
    "reason_words",
    "roles_on",
    "side_of",
    "size_words",
    "standing_of",
    "time_words",
    "turn_of",
]
