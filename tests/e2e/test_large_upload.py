"""200 MB through HTTP: however large a study is, no process holds more of it than a few pieces."""

from contextlib import closing

import pytest

from tests.e2e.large_upload import MIB, Peaks, Sender, Study
from tests.e2e.portal import Portal

pytestmark = pytest.mark.e2e

SIZE = 200 * 10**6
# A piece is 8 MiB, and four threads may hold one each; Tink and what else a file needs is loaded with the first one.
WEB_CEILING = 64 * MIB
WORKER_CEILING = 64 * MIB
# As the judging process takes for a letter, and a little more.
JUDGE_CEILING = 160 * MIB


def test_study_of_200_mb_arrives_and_is_judged_in_little_memory(portal: Portal, turn: None) -> None:
    study = Study(SIZE)

    with closing(Sender(portal)) as sender, Peaks(portal).watched() as peaks:
        sender.begin_draft()
        sender.send(study, study.size, "study.zip")  # type: ignore[arg-type]
        page = sender.wait_until_checked(seconds=240)

    assert "study.zip" in page
    assert "Received and checked, but not for viruses" in page
    assert study.size > 0.99 * SIZE
    assert 0 < peaks.growth["web"] < WEB_CEILING, peaks.growth
    assert 0 < peaks.growth["worker"] < WORKER_CEILING, peaks.growth
    assert 0 < peaks.judge < JUDGE_CEILING, peaks.judge
    print(study.size, peaks.growth, peaks.judge)
