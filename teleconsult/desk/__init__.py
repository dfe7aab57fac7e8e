"""What the desk shows: the queue in its lanes, how a case stands in words, and whose turn it is."""

from teleconsult.desk.alternatives import Match, matches_of, not_reached
from teleconsult.desk.case import NoSuchCase, Side, find_case, linked_with, roles_on, side_of
from teleconsult.desk.clock_face import ClockFace, clock_of
from teleconsult.desk.conversation import Line, conversation_of, notes_of
from teleconsult.desk.exports import Row, queue_rows, record_export, statistics_rows, table
from teleconsult.desk.history import REASONS, HistoryLine, history_of, reason_words
from teleconsult.desk.lanes import AGES, DUES, ENDED_LATELY, LANES, LaneKind, due_within, of_age
from teleconsult.desk.papers import FILE_STATES, ConsentLine, Paper, consents_of, file_words, papers_of
from teleconsult.desk.queue import CountedPaginator, Queue, QueueItem, colleagues_of, lane_of, queue_of
from teleconsult.desk.standing import WHERE_IT_IS, Standing, standing_of
from teleconsult.desk.statistics import Statistics, StepTimes, statistics_of
from teleconsult.desk.turn import AWAITED, Turn, turn_of
from teleconsult.desk.typed import data_of, forget_typed, keep_typed, typed_by, values_in
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
    "AGES",
    "AWAITED",
    "ClockFace",
    "ConsentLine",
    "CountedPaginator",
    "DUES",
    "ENDED_LATELY",
    "FILE_STATES",
    "HistoryLine",
    "LANES",
    "LaneKind",
    "Line",
    "Match",
    "NoSuchCase",
    "Paper",
    "Queue",
    "QueueItem",
    "REASONS",
    "Row",
    "Side",
    "Standing",
    "Statistics",
    "StepTimes",
    "Turn",
    "WHERE_IT_IS",
    "active_language",
    "age_words",
    "clock_of",
    "colleagues_of",
    "consents_of",
    "conversation_of",
    "data_of",
    "day_words",
    "due_within",
    "file_words",
    "forget_typed",
    "keep_typed",
    "typed_by",
    "values_in",
    "find_case",
    "history_of",
    "lane_of",
    "left_words",
    "linked_with",
    "matches_of",
    "not_reached",
    "notes_of",
    "of_age",
    "owner_words",
    "papers_of",
    "place_and_language",
    "queue_of",
    "queue_rows",
    "reason_words",
    "record_export",
    "statistics_of",
    "statistics_rows",
    "table",
    "roles_on",
    "side_of",
    "size_words",
    "standing_of",
    "time_words",
    "turn_of",
]
