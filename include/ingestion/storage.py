"""How much of a source's data is stored, against what the source's terms allow."""

import logging

from include.lake.lake import Lake

log = logging.getLogger(__name__)

_WARN_AT = 0.8
"""Share of the storage that a source's terms allow."""


def check_storage(lake: Lake, dataset: str, max_stored: int) -> None:
    """Logs how much of a source's data is stored, as a warning when it comes close to what the terms allow."""
    prefixes = (f"raw/{dataset}/", f"lake/{dataset}/", f"rejected/{dataset}/")
    stored = sum(size for prefix in prefixes for _, size in lake.bucket.sizes(prefix))
    usage = (
        f"s3://{lake.bucket.name} holds {stored / 1e6:.1f} MB of the source data of {dataset}; the source's "
    )
    usage += f"terms allow {max_stored / 1e6:.0f} MB"
    if stored < _WARN_AT * max_stored:
        log.info("%s", usage)
    else:
        log.warning(
            "%s. Lower MUSICIAN_RAW_RETENTION_DAYS, MUSICIAN_TOURING_ARTISTS or MUSICIAN_TRACKS_PER_ARTIST, "
            "or delete the oldest runs under lake/%s/ together with their manifests.",
            usage, dataset,
        )  # fmt: skip
