"""The command that runs the suite as if it were another day."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.any_day import LEFT_OUT, MOMENTS, SHARES, Moment, share


def test_commits_take_turns_until_every_file_was_run_at_every_moment() -> None:
    turns = [share(commit) for commit in range(len(MOMENTS) * SHARES)]
    files = {str(path) for path in Path("tests").rglob("test_*.py") if not str(path).startswith(LEFT_OUT)}
    for moment in MOMENTS:
        tested = [name for turn, names in turns if turn == moment for name in names]
        assert sorted(tested) == sorted(files)


def test_the_clock_is_moved_by_the_distance_from_now_forwards_or_back() -> None:
    now = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert Moment(timedelta(days=1)).seconds_ahead(now) == 86_400
    assert Moment(datetime(2028, 2, 28, 12, tzinfo=UTC)).seconds_ahead(now) == -86_400


def test_the_database_and_s3_have_the_clock_of_the_tests(redshift: Any, s3: Any, bucket: str) -> None:
    """Under `make test-any-day` this fails where the moved clock does not reach a process of the sandbox."""
    with redshift.cursor() as cursor:
        cursor.execute("select getdate()")
        [database] = cursor.fetchone()
    s3.put_object(Bucket=bucket, Key="now", Body=b"")
    objects = s3.head_object(Bucket=bucket, Key="now")["LastModified"]
    now = datetime.now(UTC)
    for clock in (database.replace(tzinfo=UTC), objects):
        assert abs(now - clock) < timedelta(minutes=1)
