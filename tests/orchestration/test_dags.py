"""The shape of the three DAGs: their names, schedules, assets, tasks and order, and how they retry."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import DagRunTriggerException, ParamValidationError
from airflow.utils.types import DagRunType

from include.clock import utc_now
from include.errors import DataRejected, ManifestsMissing, SettingInvalid, StorageUnavailable
from include.lake.bucket import Bucket
from include.lake.lake import Lake
from include.lake.runs import run_id
from include.orchestration.links import data_docs_link
from include.orchestration.operations import judge_again
from include.settings import Settings
from include.warehouse import ledger, next_load
from include.warehouse.parking import Verdict
from include.warehouse.tables import create_tables
from include.warehouse.transactions import transaction
from tests.support import older_release
from tests.support.snapshots import Artist, Concert, land_events, land_songs, rows

ROOT = Path(__file__).resolve().parents[2]
TASKS = {
    "ingest_events": {
        "fetch_events": {"land_events"},
        "land_events": {"publish_events"},
        "publish_events": set(),
    },
    "ingest_songs": {
        "fetch_songs": {"land_songs"},
        "land_songs": {"publish_songs"},
        "publish_songs": set(),
    },
    "musician_warehouse": {
        "find_load": {
            *("stage_events", "stage_songs", "build_dim_songs", "build_dim_concerts"),
            *("build_missing_concerts", "build_bridge_concert_artists", "build_fact_artists"),
            *("audit", "publish"),
        },
        "stage_events": {"build_dim_songs", "build_dim_concerts", "build_bridge_concert_artists"},
        "stage_songs": {"build_dim_songs", "build_dim_concerts", "build_bridge_concert_artists"},
        "build_dim_songs": {"build_fact_artists"},
        "build_dim_concerts": {"build_fact_artists", "build_missing_concerts"},
        "build_missing_concerts": {"audit"},
        "build_bridge_concert_artists": {"build_fact_artists"},
        "build_fact_artists": {"audit"},
        "audit": {"publish"},
        "publish": set(),
    },
}

NOTHING_ASKED = {
    **{"rebuild": False, "until": None, "allow_missing": False},
    **{"retry": [], "accept": []},
}


@pytest.fixture(scope="module")
def dag_bag(tmp_path_factory: pytest.TempPathFactory) -> Any:
    os.environ.setdefault("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))  # it writes there
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(ROOT / "dags", bundle_name="dags-folder")


@pytest.fixture
def warehouse_dag(bucket: str, dag_bag: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`musician_warehouse` as it is in a deployment whose bucket is the test's."""
    monkeypatch.setenv("MUSICIAN_BUCKET", bucket)
    return type(dag_bag)(ROOT / "dags/warehouse", bundle_name="dags-folder").dags["musician_warehouse"]


@pytest.fixture(params=TASKS)
def dag(request: pytest.FixtureRequest, dag_bag: Any) -> Any:
    return dag_bag.dags[request.param]


def test_backfills_of_the_warehouse_are_rejected(dag_bag: Any) -> None:
    allowed = set(dag_bag.dags["musician_warehouse"].allowed_run_types)
    assert set(DagRunType) - allowed == {DagRunType.BACKFILL_JOB}


@pytest.mark.parametrize("dag_id", ["ingest_events", "ingest_songs"])
def test_backfills_are_rejected_and_the_docs_say_why(dag_bag: Any, dag_id: str) -> None:
    dag = dag_bag.dags[dag_id]
    assert {str(kind.value) for kind in dag.allowed_run_types} == {
        "scheduled",
        "manual",
        "asset_materialization",
    }
    assert "Backfills are rejected" in dag.doc_md


def test_runs_that_do_not_judge_their_load_do_not_trigger_others_forever(
    warehouse_dag: Any, redshift: Any, s3: Any, bucket: str
) -> None:
    lake = Lake(Bucket(s3, bucket))
    create_tables(redshift)
    for day in (21, 22):
        land_events(lake, f"2026-11-{day}T060000Z", [Concert("e1", ["Abel"])])
        land_songs(lake, f"2026-11-{day}T070000Z", [Artist("Abel")])
    find_load = warehouse_dag.get_task("find_load").python_callable
    first = SimpleNamespace(conf={}, dag_id="musician_warehouse", run_id="manual__1")
    pushed: dict[str, Any] = {}
    task_instance = SimpleNamespace(xcom_push=pushed.__setitem__)
    with pytest.raises(DagRunTriggerException) as started:
        find_load(first, NOTHING_ASKED, task_instance)
    assert pushed["return_value"]["waiting"] == 1
    assert pushed["note"].startswith(
        "Auditing events 2026-11-21T060000Z with songs 2026-11-21T070000Z, snapshot date 2026-11-21."
    )
    assert started.value.trigger_dag_id == "musician_warehouse"
    assert started.value.note == "Started by manual__1, which left 1 load"
    again = SimpleNamespace(conf=started.value.conf, dag_id="musician_warehouse", run_id="next__2")
    second = find_load(again, NOTHING_ASKED, task_instance)
    assert (second["load"], second["waiting"]) == (pushed["return_value"]["load"], 0)


def test_a_rebuild_publishes_the_star_without_judging_another_load(
    warehouse_dag: Any, redshift: Any, s3: Any, bucket: str
) -> None:
    lake = Lake(Bucket(s3, bucket))
    create_tables(redshift)
    land_events(lake, "2026-11-21T060000Z", [Concert("e1", ["Abel"])])
    land_songs(lake, "2026-11-21T070000Z", [Artist("Abel")])
    find_load, stage, publish = (
        warehouse_dag.get_task(task_id).python_callable
        for task_id in ("find_load", "stage_events", "publish")
    )
    run, pushed = SimpleNamespace(conf={}, dag_id="musician_warehouse", run_id="manual__1"), {}
    found = find_load(run, {**NOTHING_ASKED, "rebuild": True}, SimpleNamespace(xcom_push=pushed.__setitem__))
    assert pushed["note"].startswith("Rebuilt the star from 1 load.")
    index = lake.bucket.get("data-docs/index.html").decode()
    assert "<a href='../dags/musician_warehouse/runs/manual__1'>" in index
    assert "in a rebuild." not in index
    assert stage("events", found) is None
    (asset,) = warehouse_dag.get_task("publish").outlets
    outlet_events: Any = {asset: SimpleNamespace(extra={})}
    task = SimpleNamespace(outlets=[asset])
    publish(found, None, outlet_events, SimpleNamespace(task=task, run_id="manual"))
    assert (outlet_events[asset].extra["rebuilt"], task.outlets) == (1, [asset])


def test_a_run_without_news_says_so_skips_nothing_and_updates_no_asset(
    warehouse_dag: Any, redshift: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    create_tables(redshift)
    tasks = {task.task_id: task.python_callable for task in warehouse_dag.tasks}
    run, pushed = SimpleNamespace(conf={}, dag_id="musician_warehouse", run_id="scheduled__1"), {}
    found = tasks["find_load"](run, NOTHING_ASKED, SimpleNamespace(xcom_push=pushed.__setitem__))
    assert pushed["note"].startswith(
        "Nothing new: every manifest with a partner is in the ledger. No run of "
    )
    assert "No run of songs has landed yet. Look at ingest_songs" in pushed["note"]
    assert "The star is empty" in caplog.text
    assert tasks["stage_events"]("events", found) is None
    assert tasks["build_dim_songs"]("dim_songs", found) is None
    assert tasks["audit"](found, run) is None
    assert data_docs_link().get_link(SimpleNamespace(op_args=[found]), ti_key=None).endswith("/index.html")
    outlet_events: Any = {}
    task = warehouse_dag.get_task("publish").prepare_for_execution()
    assert (
        tasks["publish"](found, None, outlet_events, SimpleNamespace(task=task, run_id="scheduled__1"))
        is None
    )
    assert (outlet_events, task.outlets) == ({}, [])
    assert warehouse_dag.get_task("publish").outlets  # of the next run


@pytest.mark.parametrize(
    ("judged_hours_ago", "landed_hours_ago", "told"),
    [
        (100, 60, True),
        (100, 20, False),
        (30, 60, False),
        (None, 60, True),
        (None, 20, False),
        ("malformed", 60, False),
    ],
)
def test_an_ingestion_tells_people_if_its_runs_are_not_loaded(
    dag_bag: Any,
    s3: Any,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    judged_hours_ago: Any,
    landed_hours_ago: int,
    told: bool,
) -> None:
    """A musician_warehouse that is paused has no run that could say so."""
    lake, now = Lake(Bucket(s3, bucket)), utc_now()
    land_songs(lake, run_id(now - timedelta(hours=landed_hours_ago)), [Artist("Abel")])
    if judged_hours_ago == "malformed":
        lake.bucket.put("validations/audits.json", b"{")
    elif judged_hours_ago is not None:
        judged = now - timedelta(hours=judged_hours_ago)
        lake.bucket.put_json(
            "validations/audits.json",
            {
                "validations": [
                    {"run": run_id(judged), "judged_at": judged.isoformat(), "dag_run": "", "table": "dim_songs",
                     "page": "validations/x.html", "evaluated": 1, "failed": 0, "failures": [], "critical": False}
                ],
                "files": {},
            },
        )  # fmt: skip
    task = dag_bag.dags["ingest_songs"].get_task("publish_songs").python_callable
    monkeypatch.setattr("include.orchestration.connections.lake", lambda settings: lake)
    outlet_events: Any = defaultdict(SimpleNamespace)
    pushed: dict[str, str] = {}
    run = SimpleNamespace(dag_id="ingest_songs", run_id="scheduled__1")
    landed = {"rows": 1, "run": run_id(now), "manifest": "s3://b/k"}
    task(landed, outlet_events, run, SimpleNamespace(xcom_push=pushed.__setitem__))
    assert [each.extra for each in outlet_events.values()] == [landed]
    assert ("musician_warehouse has judged nothing" in caplog.text) == told
    assert ("musician_warehouse has judged nothing" in pushed.get("note", "")) == told


PARKED = "events 2026-11-23T060000Z"


def test_a_retried_find_load_says_what_its_first_try_has_done(
    dag_bag: Any, star: Any, s3: Any, bucket: str
) -> None:
    """The first try may fail after it has committed what the parameters request."""
    lake = Lake(Bucket(s3, bucket))
    dataset, run = PARKED.split()
    land_events(lake, run, [Concert("e1", ["Abel"])])
    unknown = "events 2026-11-24T060000Z"

    def park() -> None:
        with transaction(star) as cursor:
            ledger.note(cursor, lake, dataset, run, "parked", "too few", datetime.now(UTC))

    park()
    for _ in range(2):
        assert judge_again(star, lake, [PARKED]) == [f"{PARKED} is judged again"]
    park()
    for _ in range(2):
        [said] = judge_again(star, lake, accepted=[PARKED])
        assert said == f"{PARKED} is accepted as different from earlier loads and judged again"
    park()
    [_, retried] = judge_again(star, lake, [PARKED], accepted=[PARKED])
    assert retried == f"{PARKED} is judged again"
    with transaction(star) as cursor:
        assert ledger.read_ledger(cursor)[dataset, run].is_accepted
    for given in ({"retried": [unknown]}, {"accepted": [unknown]}):
        assert judge_again(star, lake, **given) == [f"{unknown} is not parked: nothing to judge again"]
    published = rows(star, "select run from dwh.load_ledger where state = 'published'")[0][0]
    assert "is not parked" in judge_again(star, lake, accepted=[f"events {published}"])[0]


def test_the_first_line_of_a_log_says_which_load_it_judges(
    warehouse_dag: Any,
    redshift: Any,
    s3: Any,
    bucket: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lake = Lake(Bucket(s3, bucket))  # and a warehouse without tables
    early = "2026-11-20T060000Z"
    for run in (early, "2026-11-21T060000Z"):
        land_events(lake, run, [Concert("e1", ["Abel"])])
    land_songs(lake, "2026-11-21T070000Z", [Artist("Abel")])
    lake.bucket.put(f"certificates/events/{early}.json", b"{")  # is parked on the way
    find_load, stage = (
        warehouse_dag.get_task(task_id).python_callable for task_id in ("find_load", "stage_events")
    )
    run = SimpleNamespace(conf={}, dag_id="musician_warehouse", run_id="manual__1")
    load = "events 2026-11-21T060000Z with songs 2026-11-21T070000Z"
    with caplog.at_level("INFO"):
        found = find_load(run, NOTHING_ASKED, SimpleNamespace(xcom_push=lambda *_: None))
    assert caplog.messages[0] == f"Auditing {load}, snapshot date 2026-11-21"
    assert len([message for message in caplog.messages if f"certificates/events/{early}" in message]) == 1
    caplog.clear()
    with caplog.at_level("INFO"):
        stage("events", found)
    assert caplog.messages[0] == f"Load: {load}"
    assert "credentials retrieved" not in capsys.readouterr().out  # what Airflow's own loggers write


def triggered(dag_bag: Any, conf: dict[str, Any]) -> Any:
    """The params with which the API server triggers a run."""
    from airflow.serialization.serialized_objects import DagSerialization

    serialized = DagSerialization.to_dict(dag_bag.dags["musician_warehouse"])
    params = DagSerialization.from_dict(serialized).params.deep_merge(conf)
    params.validate()
    return params.dump()


@pytest.mark.parametrize(
    ("param", "value"),
    [
        *((param, [run]) for param in ("retry", "accept") for run in ("events foo", "2026-11-22T060003Z")),
        ("retry", "events 2026-11-22T060003Z"),
        ("accept", ["concerts 2026-11-22T060003Z"]),
        *(("until", value) for value in ("yesterday", "2026-11-31", 20261122)),
        ("rebuild", "yes"),
        ("allow_missing", None),
    ],
)
def test_a_malformed_parameter_is_rejected_where_a_run_is_triggered(
    dag_bag: Any, param: str, value: Any
) -> None:
    with pytest.raises(ParamValidationError):
        triggered(dag_bag, {param: value})


def test_well_formed_parameters_are_taken(dag_bag: Any) -> None:
    given = {
        "retry": [PARKED],
        "accept": ["songs 2026-11-23T070000Z"],
        "until": "2026-11-22",
        "rebuild": True,
    }
    assert triggered(dag_bag, given) == NOTHING_ASKED | given


@pytest.mark.parametrize("dag_id", ["ingest_events", "ingest_songs"])
def test_the_form_has_the_limits_of_the_settings(dag_bag: Any, dag_id: str) -> None:
    params = dag_bag.dags[dag_id].params
    numbers = [name for name in params if params.get_param(name).schema["type"] == "integer"]
    assert numbers
    for name in numbers:
        schema = params.get_param(name).schema
        for value in (schema["minimum"], schema["maximum"]):
            Settings().with_params({name: value})
        for value in (schema["minimum"] - 1, schema["maximum"] + 1):
            with pytest.raises(SettingInvalid):
                Settings().with_params({name: value})


@pytest.mark.parametrize("path", sorted(Path("dags/ingest").rglob("*.py")), ids=str)
def test_the_dag_file_of_an_ingestion_has_less_than_80_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 80


def test_every_parameter_explains_itself(dag: Any) -> None:
    for name in dag.params:
        assert dag.params.get_param(name).description.endswith("."), name


def test_nothing_is_published_that_was_not_judged(dag_bag: Any) -> None:
    publish = dag_bag.dags["musician_warehouse"].get_task("publish").python_callable
    load = {"events": "2026-11-21T060000Z", "songs": "2026-11-21T070000Z", "pending": ["events"]}
    found = {
        "load": load,
        "waiting": 0,
        "judged_at": "2026-11-21T08:00:00Z",
        "rebuilt": None,
        "published": 0,
        "note": "",
    }
    with pytest.raises(DataRejected, match="was not judged"):
        publish(found, None, {}, SimpleNamespace(run_id="manual"))


def test_the_note_of_a_run_whose_audit_failed_says_why(dag_bag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(*_: Any) -> None:
        raise DataRejected("load_summary: songs_rows_ratio. Because 1 expectation failed, …")

    monkeypatch.setattr("include.orchestration.star.judge", judge)
    pushed: dict[str, str] = {}
    audit = dag_bag.dags["musician_warehouse"].get_task("audit").python_callable
    with pytest.raises(DataRejected):
        audit({}, SimpleNamespace(run_id="manual"), SimpleNamespace(xcom_push=pushed.__setitem__))
    assert pushed["note"].startswith("The audit failed. load_summary: songs_rows_ratio. ")


def test_the_first_run_of_a_newer_release_derives_the_star_again_by_itself(
    warehouse_dag: Any, redshift: Any, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(Bucket(s3, bucket))
    older_release.put_lake(lake)
    older_release.create_star(redshift, lake)
    lake.remove_manifest("songs", "2026-11-20T070000Z")
    task = warehouse_dag.get_task("find_load").python_callable
    pushed: dict[str, Any] = {}
    passed = SimpleNamespace(verdict=Verdict())
    monkeypatch.setattr("include.orchestration.operations.audit", lambda *_, **__: passed)

    def run(**params: Any) -> Any:
        asked = warehouse_dag.params.dump()
        dag_run = SimpleNamespace(conf={}, run_id="manual__1")
        return task(dag_run, asked | params, SimpleNamespace(xcom_push=pushed.__setitem__))

    with pytest.raises(ManifestsMissing, match="`allow_missing`"):
        run()
    assert run(allow_missing=True)["rebuilt"]["parked"] == ("songs 2026-11-20T070000Z",)
    assert re.match(r"Rebuilt the star from \d+ loads; parked songs 2026-11-20T070000Z\b", pushed["note"])
    assert run()["load"] is None
    assert pushed["note"].startswith("An earlier try of this run published ")


def test_what_a_try_has_committed_before_it_failed_is_told_although_the_next_does_not_find_it_again(
    warehouse_dag: Any, redshift: Any, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(Bucket(s3, bucket))
    older_release.put_lake(lake)
    older_release.create_star(redshift, lake)
    find_load, publish = (
        warehouse_dag.get_task(task_id).python_callable for task_id in ("find_load", "publish")
    )
    passed = SimpleNamespace(verdict=Verdict())
    monkeypatch.setattr("include.orchestration.operations.audit", lambda *_, **__: passed)
    pushed: dict[str, Any] = {}
    told: list[tuple[str, str]] = []
    for module in ("star", "notifications"):
        monkeypatch.setattr(
            f"include.orchestration.{module}.report",
            lambda _, __, happened, reason: told.append((happened, reason)),
        )

    def run(run_id: str) -> Any:
        dag_run = SimpleNamespace(conf={}, run_id=run_id)
        return find_load(dag_run, NOTHING_ASKED, SimpleNamespace(xcom_push=pushed.__setitem__))

    with monkeypatch.context() as broken:
        broken.setattr(next_load, "find_loads", failing)
        with pytest.raises(StorageUnavailable):
            run("asset_triggered__1")
    found = run("asset_triggered__1")
    assert re.match(r"An earlier try of this run published \d+ loads; nothing else is new\.", pushed["note"])
    (asset,) = warehouse_dag.get_task("publish").outlets
    outlet_events: Any = {asset: SimpleNamespace(extra={})}
    task = SimpleNamespace(outlets=[asset])
    publish(found, None, outlet_events, SimpleNamespace(task=task, run_id="asset_triggered__1"))
    assert task.outlets == [asset] and outlet_events[asset].extra["published"] > 1
    assert run("scheduled__2")["published"] == 0

    land_songs(lake, late := "2026-11-02T060000Z", [Artist("Abel")])
    told.clear()
    with monkeypatch.context() as broken:
        broken.setattr(next_load, "find_loads", failing)
        with pytest.raises(StorageUnavailable):
            run("scheduled__3")
    assert [happened for happened, reason in told if late in reason] == ["found late runs"]


def failing(*_: Any) -> Any:
    raise StorageUnavailable("S3 does not respond")


def test_a_run_of_an_older_release_is_accepted_by_the_run_that_derives_the_star_again(
    warehouse_dag: Any, redshift: Any, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger of that release has no column for it."""
    lake = Lake(Bucket(s3, bucket))
    older_release.put_lake(lake)
    older_release.create_star(redshift, lake)
    newest = lake.manifests("songs")[-1]
    with transaction(redshift) as cursor:
        cursor.execute(
            "update dwh.load_ledger set state = 'parked' where dataset = 'songs' and run = %s", (newest,)
        )
    passed = SimpleNamespace(verdict=Verdict())
    monkeypatch.setattr("include.orchestration.operations.audit", lambda *_, **__: passed)
    pushed: dict[str, Any] = {}
    warehouse_dag.get_task("find_load").python_callable(
        SimpleNamespace(conf={}, run_id="manual__1"),
        {**NOTHING_ASKED, "accept": [f"songs {newest}"]},
        SimpleNamespace(xcom_push=pushed.__setitem__),
    )
    assert f"songs {newest} is accepted as different from earlier loads" in pushed["note"]
    with transaction(redshift) as cursor:
        judged = ledger.read_ledger(cursor)["songs", newest]
    assert (judged.state, judged.is_accepted) == ("published", True)


def test_there_are_three_dags_and_all_can_be_imported(dag_bag: Any) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == set(TASKS)


def test_the_ingestions_run_daily_and_never_just_because_they_are_new(dag_bag: Any) -> None:
    for dag_id, cron in (("ingest_events", "0 6 * * *"), ("ingest_songs", "0 7 * * *")):
        timetable = dag_bag.dags[dag_id].timetable
        assert type(timetable).__name__ == "CronTriggerTimetable"
        assert (timetable.expression, str(timetable.timezone)) == (cron, "UTC")
        assert timetable.run_immediately is False


def test_the_warehouse_is_woken_by_both_assets_and_sweeps_once_a_day(dag_bag: Any) -> None:
    from include.orchestration.assets import EVENTS, SONGS

    timetable = dag_bag.dags["musician_warehouse"].timetable
    assert type(timetable).__name__ == "AssetOrTimeSchedule"
    assert timetable.timetable.expression == "0 9 * * *"
    assert timetable.timetable.run_immediately is False
    assert type(timetable.asset_condition).__name__ == "AssetAll"
    assert set(timetable.asset_condition.objects) == {EVENTS, SONGS}


def test_each_dag_publishes_its_asset_in_its_publish_task(dag_bag: Any) -> None:
    bucket = Settings.from_environment().bucket
    published = {
        (dag_id, task.task_id): [(asset.name, asset.uri) for asset in task.outlets]
        for dag_id, dag in dag_bag.dags.items()
        for task in dag.tasks
        if task.outlets
    }
    assert published == {
        ("ingest_events", "publish_events"): [("musician_events", f"s3://{bucket}/lake/events")],
        ("ingest_songs", "publish_songs"): [("musician_songs", f"s3://{bucket}/lake/songs")],
        ("musician_warehouse", "publish"): [("musician_star", "musician://warehouse/dwh")],
    }


def test_the_tasks_work_in_this_order(dag: Any) -> None:
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == TASKS[dag.dag_id]


def test_the_warehouse_is_grouped_as_stage_build_audit_publish(dag_bag: Any) -> None:
    groups = dag_bag.dags["musician_warehouse"].task_group.children
    assert list(groups) == ["find_load", "stage", "build", "audit", "publish"]


def test_no_task_leaves_more_than_one_value(dag: Any) -> None:
    assert not [task.task_id for task in dag.tasks if task.multiple_outputs]


def test_the_asset_graph_has_no_node_for_starting_the_next_run(dag_bag: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    serialized = DagSerialization.to_dict(dag_bag.dags["musician_warehouse"])
    kinds = {each["dependency_type"] for each in serialized["dag"]["dag_dependencies"]}
    assert kinds == {"asset"}


def test_a_run_to_land_again_is_named_as_runs_are(dag_bag: Any) -> None:
    from include.lake.runs import is_run
    from include.orchestration.ingestion import RUN

    for dag_id in ("ingest_events", "ingest_songs"):
        redrive = dag_bag.dags[dag_id].params.get_param("redrive")
        assert redrive.description
        assert redrive.schema["pattern"] == RUN
    for text in ("2026-11-22T060003Z", "2026-11-22", "../2026-11-22T060003Z", "2026-11-22T060003Z "):
        assert bool(re.search(RUN, text)) == is_run(text)


def test_every_dag_explains_itself_and_has_an_owner_and_tags(dag: Any) -> None:
    assert dag.description
    assert len(dag.doc_md.strip().splitlines()) > 3
    assert {task.owner for task in dag.tasks} == {"data-engineering"}
    assert dag.tags


def test_a_dag_works_at_one_run_at_a_time_and_does_not_catch_up(dag: Any) -> None:
    assert dag.max_active_runs == 1
    assert dag.is_paused_upon_creation is (False if dag.dag_id == "musician_warehouse" else None)
    assert dag.catchup is False
    assert dag.start_date is None


def test_every_task_is_retried_with_growing_delays_and_has_a_time_limit(dag: Any) -> None:
    for task in dag.tasks:
        assert task.retries == 3
        assert task.retry_delay == timedelta(minutes=1)
        assert task.retry_exponential_backoff == 2.0
        assert task.execution_timeout is not None


@pytest.mark.parametrize("name", ["events", "songs"])
async def test_a_run_is_dated_when_it_looks_not_by_its_schedule(
    dag_bag: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """And only a DAG run that is cleared asks again, not one that is retried."""
    from include.ingestion import fetch as fetching
    from include.orchestration import connections

    passed = []

    async def fetch(dataset: Any, lake: Any, connection: Any, *about: Any) -> fetching.Fetched:
        passed.append(about[1:])
        return fetching.Fetched(dataset.name, "2026-11-22T060000Z", True, 0, 0, 0)

    async def source_connection(_: str) -> None:
        return None

    monkeypatch.setattr(fetching, "fetch", fetch)
    monkeypatch.setattr(connections, "lake", lambda _: None)
    monkeypatch.setattr(connections, "source_connection", source_connection)
    dag = dag_bag.dags[f"ingest_{name}"]
    look = dag.get_task(f"fetch_{name}").python_callable
    old = datetime(2020, 1, 1, tzinfo=UTC)
    before = datetime.now(UTC)
    for ask_again, clear_number in ((False, 3), (True, 3)):
        dag_run = SimpleNamespace(run_id="scheduled", logical_date=old, clear_number=clear_number)
        await look(dag_run=dag_run, params=dag.params.dump() | {"ask_again": ask_again})
    assert [(run_id, asked_again) for run_id, _, asked_again in passed] == [
        ("scheduled", 0),
        ("scheduled", 3),
    ]
    assert all(before <= now <= datetime.now(UTC) for _, now, _ in passed)


def test_a_retry_is_spared_when_it_cannot_help(dag: Any) -> None:
    from airflow.sdk import RetryAction

    from include.errors import PipelineError, SourceUnavailable

    def action(error: BaseException) -> Any:
        return dag.tasks[0].retry_policy.evaluate(error, try_number=1, max_tries=3).action

    assert action(SourceUnavailable("the source is down")) is RetryAction.RETRY
    for kind in PipelineError.__subclasses__():
        assert action(kind("…")) is (RetryAction.RETRY if kind.retryable else RetryAction.FAIL)
    assert action(OSError("anything unforeseen")) is RetryAction.DEFAULT


def test_a_retry_waits_until_the_source_accepts_requests_again(dag: Any) -> None:
    from airflow.sdk import RetryAction

    from include.errors import QuotaSpent

    spent = QuotaSpent("the day's calls are spent", not_before=datetime.now(UTC) + timedelta(hours=5))
    decision = dag.tasks[0].retry_policy.evaluate(spent, try_number=1, max_tries=3)
    assert decision.action is RetryAction.RETRY
    assert timedelta(hours=4.9) < decision.retry_delay <= timedelta(hours=5, seconds=1)


def test_the_parameters_default_to_the_settings(dag_bag: Any) -> None:
    settings = Settings.from_environment()
    assert dag_bag.dags["ingest_events"].params.dump() == {
        "countries": list(settings.countries),
        "horizon_days": settings.horizon_days,
        "ask_again": False,
        "redrive": None,
    }
    assert dag_bag.dags["ingest_songs"].params.dump() == {
        "countries": list(settings.countries),
        "artists_per_country": settings.artists_per_country,
        "touring_artists": settings.touring_artists,
        "tracks_per_artist": settings.tracks_per_artist,
        "ask_again": False,
        "redrive": None,
    }


def test_parsing_imports_neither_great_expectations_nor_pandas_nor_aiohttp_nor_pyarrow(
    tmp_path: Path,
) -> None:
    # boto3 is not in this list: Airflow itself imports it, to check an asset's s3:// URI. That our own
    # code does not is in test_imports.py.
    script = (
        "import json, runpy, sys\n"
        "for path in sys.argv[1:]: runpy.run_path(path)\n"
        "heavy = ('great_expectations', 'pandas', 'aiohttp', 'pyarrow')\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]))\n"
    )
    files = [str(path) for path in (ROOT / "dags").rglob("*.py")]
    result = subprocess.run(
        [sys.executable, "-c", script, *files],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1]) == []
