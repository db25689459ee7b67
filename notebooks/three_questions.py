# %% [markdown]
# # Three questions for the musician warehouse
#
# 1. Who are people listening to, and where do they play next?
# 2. When and where are the concerts?
# 3. What happened to concerts after they were announced?
#
# Reads the views of the schema `analytics` and draws `three_questions.png` in the working directory. Run it as a
# script, or cell by cell in an editor that supports `# %%`. Requires `redshift_connector`, `pandas`, `altair` and
# `vl-convert-python`.
#
# It uses the Airflow connection `redshift`, from the environment variable `AIRFLOW_CONN_REDSHIFT`:
#
#     in the sandbox, after `make up`:   eval "$(.environment/bin/python -m sandbox.local.connections)"
#     on AWS:                            export AIRFLOW_CONN_REDSHIFT='{"host": "…", …}'   (see .env.example)
#
# A user with only the role `musician_reader` is enough.

# %%
import json
import os

import altair as alt
import pandas as pd
import redshift_connector

given = json.loads(os.environ["AIRFLOW_CONN_REDSHIFT"])
connection = redshift_connector.connect(
    host=given["host"],
    port=given["port"],
    database=given["schema"],
    user=given["login"],
    password=given["password"],
    **given.get("extra", {}),
)


def read(query: str) -> pd.DataFrame:
    """The rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return pd.DataFrame(cursor.fetchall(), columns=[column[0] for column in cursor.description])


INK, QUIET = "#1f2430", "#868c9b"
TRENDS = {"gained listeners": "#30638e", "lost listeners": "#d1495b", "as many, or new": "#868c9b"}
CHANGES = {
    "cancelled": "#d1495b",
    "postponed": "#edae49",
    "rescheduled": "#30638e",
    "delisted": "#868c9b",
    "other": "#ced2da",
}

# %% [markdown]
# ## 1. Who are people listening to, and where do they play next?
#
# The most popular artists of the newest snapshot. A line leads from the artist's listeners in the oldest
# snapshot to those in the newest; with a single snapshot there are only dots.

# %%
artists = read("""
    select
        artist_key, artist_name, listeners, top_song,
        upcoming_concerts, next_concert_date, next_concert_city
    from analytics.artist_events_songs
    where chart_rank is not null and listeners is not null
    order by chart_rank, listeners desc
    limit 20
""")
popularity = read("""
    select artist_key, snapshot_date, listeners
    from analytics.artist_popularity
    where listeners is not null
    order by snapshot_date
""")
first, newest = popularity["snapshot_date"].min(), popularity["snapshot_date"].max()
oldest = popularity.groupby("artist_key")["listeners"].first().rename("first_listeners")
artists = artists.join(oldest, on="artist_key")
artists["next"] = [
    f"{date:%-d %b}, {city or 'place not announced'}" if upcoming else "no concert announced"
    for date, city, upcoming in zip(
        artists["next_concert_date"], artists["next_concert_city"], artists["upcoming_concerts"], strict=True
    )
]
print(artists[["artist_name", "listeners", "top_song", "upcoming_concerts", "next"]].to_string(index=False))

# %% [markdown]
# ## 2. When and where are the concerts?
#
# Upcoming concerts per month in the cities with the most.

# %%
concerts = read("""
    select venue_city, local_date, charting_artists, price_min, genre
    from analytics.upcoming_concerts
    where venue_city is not null
""")
concerts["month"] = pd.to_datetime(concerts["local_date"]).dt.to_period("M").dt.to_timestamp()
cities = concerts.groupby("venue_city").size().sort_values(ascending=False, kind="stable").head(14)
last_month = pd.Timestamp(newest).to_period("M").to_timestamp() + pd.DateOffset(months=12)
in_cities = (
    concerts[concerts["venue_city"].isin(cities.index) & (concerts["month"] < last_month)]
    .groupby(["venue_city", "month"])
    .size()
    .rename("concerts")
    .reset_index()
)
print(cities.to_string())

# %% [markdown]
# ## 3. What happened to concerts after they were announced?
#
# Changes by the day on which a run noticed them. There are none before the second load.

# %%
changes = read("""
    select change, noticed_at, concert_name, old_local_date, new_local_date, days_later, new_status
    from analytics.concert_changes
    order by noticed_at
""")
changes["kind"] = changes["change"].where(changes["change"].isin(CHANGES), "other")
noticed = (
    changes.assign(noticed=pd.to_datetime(changes["noticed_at"]).dt.strftime("%-d %b"))
    .groupby(["noticed", "kind"], sort=False)
    .size()
    .rename("concerts")
    .reset_index()
)
noticed["place"] = noticed["kind"].map({kind: -place for place, kind in enumerate(CHANGES)})
print(noticed.pivot(index="kind", columns="noticed", values="concerts")[noticed["noticed"].unique()])

# %% [markdown]
# ## The picture

# %%
shown = artists.drop(columns="next_concert_date")
shown["trend"] = (shown["listeners"] - shown["first_listeners"]).map(
    lambda gained: "gained listeners" if gained > 0 else "lost listeners" if gained < 0 else "as many, or new"
)
trend = (
    alt.Color(
        "trend:N",
        title=None,
        scale=alt.Scale(domain=list(TRENDS), range=list(TRENDS.values())),
        legend=alt.Legend(orient="none", legendX=395, legendY=395),
    )
    if newest > first
    else alt.value(TRENDS["gained listeners"])
)
since = f"; a line begins where the artist stood on {first:%-d %B}" if newest > first else ""
base = alt.Chart(shown).encode(y=alt.Y("artist_name:N", sort=list(shown["artist_name"]), title=None))
listened = alt.layer(
    base.mark_rule(color=INK, opacity=0.3, strokeWidth=3).encode(
        x=alt.X("first_listeners:Q", title="Last.fm listeners in the charts' countries"),
        x2="listeners:Q",
    ),
    base.mark_point(filled=True, opacity=1).encode(
        x=alt.X(
            "listeners:Q", scale=alt.Scale(zero=False, nice=False, padding=18), axis=alt.Axis(format="~s")
        ),
        color=trend,
        size=alt.Size(
            "upcoming_concerts:Q",
            title="upcoming concerts",
            scale=alt.Scale(range=[30, 500]),
            legend=alt.Legend(orient="none", legendX=395, legendY=460, values=[1, 10, 40]),
        ),
    ),
    base.mark_text(align="left", color=QUIET, fontSize=11.5).encode(x=alt.value(532), text="next:N"),
).properties(
    width=520,
    height=580,
    title=alt.Title(
        "Who are people listening to, and where do they play next?",
        subtitle=f"The {len(shown)} artists with the most listeners, and their next concerts{since}",
    ),
)

in_months = (
    alt.Chart(in_cities)
    .mark_rect(cornerRadius=3)
    .encode(
        x=alt.X(
            "yearmonth(month):O",
            title=None,
            scale=alt.Scale(padding=0.06),
            axis=alt.Axis(
                labelAngle=0,
                labelExpr="[timeFormat(datum.value, '%b'), "
                "month(datum.value) ? '' : timeFormat(datum.value, '%Y')]",
            ),
        ),
        y=alt.Y("venue_city:N", sort=list(cities.index), title=None, axis=alt.Axis(minExtent=90)),
        color=alt.Color("concerts:Q", title=None, scale=alt.Scale(scheme="tealblues")),
    )
    .properties(
        width=470,
        height=290,
        title=alt.Title(
            "When and where are the concerts?",
            subtitle=f"Per month, in the {len(cities)} cities with the most of the {len(concerts):,} upcoming concerts",
        ),
    )
)

if noticed.empty:
    said = pd.DataFrame({"text": ["What changes shows from the second load on."]})
    fates = alt.Chart(said).mark_text(color=QUIET, fontSize=13).encode(text="text:N")
else:
    fates = (
        alt.Chart(noticed)
        .mark_bar(size=46)
        .encode(
            x=alt.X("noticed:O", sort=None, title=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("concerts:Q", title=None, axis=alt.Axis(minExtent=90)),
            order="place:Q",
            color=alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=list(CHANGES), range=list(CHANGES.values())),
            ),
        )
    )
fates = fates.properties(
    width=470,
    height=160,
    title=alt.Title(
        "What happened to concerts after they were announced?",
        subtitle=f"{len(changes):,} changes, by the day on which a load noticed them",
    ),
)

picture = (
    alt.hconcat(
        listened,
        alt.vconcat(in_months, fates, spacing=36).resolve_scale(color="independent"),
        spacing=40,
    )
    .resolve_scale(color="independent", size="independent")
    .properties(title=alt.Title(f"In the charts and on stage, {newest:%-d %B %Y}", fontSize=26, offset=26))
    .configure(font="Helvetica, Arial, DejaVu Sans, sans-serif", padding=28, background="white")
    .configure_view(stroke=None)
    .configure_axis(
        domain=False, ticks=False, gridColor="#eceef2", labelColor=INK, titleColor=QUIET,
        labelFontSize=12, titleFontWeight="normal", labelLimit=190, labelPadding=6,
    )
    .configure_title(
        anchor="start", frame="bounds", color=INK, fontSize=16, offset=16,
        subtitleColor=QUIET, subtitleFontSize=12.5, subtitlePadding=6,
    )
    .configure_legend(
        labelColor=INK, titleColor=QUIET, titleFontWeight="normal", labelFontSize=12, symbolFillColor=QUIET
    )
)  # fmt: skip
picture.save("three_questions.png", scale_factor=2)
connection.close()
