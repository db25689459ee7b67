"""
The star of artists, songs and concerts: built from the newest events and songs, judged, then published.

Starts when the assets `musician_events` and `musician_songs` have both been updated, and once a day at
09:00 UTC in case an update was missed. An asset event only triggers this DAG: its work is the manifests in the
bucket that are not in `dwh.load_ledger`. If there are none, the run says so in its note, and its tasks do
nothing.

1. **find_load**: does what the run's parameters ask for (judges parked runs again, or derives the star from all
   manifests, as it also does when a new release has changed its tables), then finds the oldest pending runs. Runs
   older than what is published are late: they are recorded and reported, and so are runs that cannot be read
   (parked) and news that is overdue. Says how old the star is.
2. **stage**: COPY loads exactly the objects in one events and one songs manifest into `staging`.
3. **build**: builds the star's tables from them in the schema `audit`.
4. **audit**: the Great Expectations suites judge the tables there; the data docs show the outcome. Runs that
   fail are parked in the ledger, and `dwh` is unchanged.
5. **publish**: one transaction merges the load into `dwh` and records it in the ledger; then the asset
   `musician_star` is updated.

The log and the note of a run say which load it judges. When several loads are pending, the run takes the oldest
and triggers another run for the next, unless the previous run took the same load and could not judge it. Requires
the connections `redshift` and `aws_default`.
"""

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, TaskGroup, chain, dag

from include.orchestration.assets import EVENTS, MUSICIAN_STAR, SONGS
from include.orchestration.loading import dag_arguments, star_params, star_tasks
from include.settings import Settings

SETTINGS = Settings.from_environment()


@dag(
    dag_id="musician_warehouse",
    description="The audited star in Redshift, from the newest events and songs.",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 9 * * *", timezone="UTC", run_immediately=False),
        assets=(EVENTS & SONGS),
    ),
    is_paused_upon_creation=False,  # Airflow queues no asset event for a paused DAG
    doc_md=__doc__,
    tags=["warehouse", "redshift"],
    params=star_params(),
    **dag_arguments(SETTINGS),
)
def musician_warehouse() -> None:
    star = star_tasks(MUSICIAN_STAR, SETTINGS)
    found = star.find_load()
    with TaskGroup("stage", prefix_group_id=False, tooltip="COPY into the schema staging"):
        staged = [star.stage(dataset, found) for dataset in ("events", "songs")]
    with TaskGroup("build", prefix_group_id=False, tooltip="The star's tables, in the schema audit"):
        songs = star.build("dim_songs", found)
        concerts = star.build("dim_concerts", found)
        bridge = star.build("bridge_concert_artists", found)
        facts = star.build("fact_artists", found)
        missing = star.build("missing_concerts", found)
    audited = star.audit(found)
    for dimension in (songs, concerts, bridge):
        chain(staged, dimension, facts, audited)
    chain(concerts, missing, audited)
    star.publish(found, audited)


musician_warehouse()
