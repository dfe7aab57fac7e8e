"""200 MB through HTTP: however large a study is, no process holds more of it than a few pieces."""

from contextlib import closing

import pytest

from tests.e2e.large_upload import MIB, Peaks, Sender, Study
from tests.e2e.portal import Portal

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

SIZE = 200 * 10**6
# A piece of 8 MiB as the server takes it and as it is sealed, and some room: a quarter of the study at most.
WEB_CEILING = 48 * MIB
WORKER_CEILING = 48 * MIB
# As the judging process takes for a letter, and a little more.
JUDGE_CEILING = 96 * MIB


def test_study_of_200_mb_arrives_and_is_judged_in_little_memory(portal: Portal, turn: None) -> None:
    study, letter = Study(SIZE), Study(MIB)

    with closing(Sender(portal)) as sender:
        sender.begin_draft()
        # What a process loads with its first file stays loaded, and is no part of a large one.
        with Peaks(portal).watched() as first:
            sender.send(letter, letter.size, "letter.zip")
            sender.wait_until_checked(seconds=900)
        with Peaks(portal).watched() as peaks:
            sender.send(study, study.size, "study.zip")
            page = sender.wait_until_checked(seconds=900)

    assert "study.zip" in page
    assert "Received and checked, but not for viruses" in page
    assert study.size > 0.99 * SIZE
    assert peaks.growth["web"] < WEB_CEILING, peaks.growth
    assert peaks.growth["worker"] < first.growth["worker"] + WORKER_CEILING, (first.growth, peaks.growth)
    assert 0 < peaks.judge < JUDGE_CEILING, peaks.judge
