"""The Airflow connections to a sandbox's services."""

import json

from sandbox.services import Services


def connection_environment(services: Services) -> dict[str, str]:
    """The Airflow connections to the services, as the environment variables Airflow reads them from."""
    connections = {
        "ticketmaster": {
            "conn_type": "http",
            "host": services.ticketmaster["base_url"],
            "password": services.ticketmaster["key"],
            "extra": {"allow_http": True},
        },
        "lastfm": {
            "conn_type": "http",
            "host": services.lastfm["base_url"],
            "password": services.lastfm["key"],
            "extra": {"allow_http": True},
        },
        "aws_default": {
            "conn_type": "aws",
            "login": services.aws.access_key_id,
            "password": services.aws.secret_access_key,
            "extra": {
                "region_name": services.aws.region_name,
                "endpoint_url": services.aws.endpoint_url,
            },
        },
        "redshift": {
            "conn_type": "redshift",
            "host": services.redshift["host"],
            "port": services.redshift["port"],
            "login": services.redshift["user"],
            "password": services.redshift["password"],
            "schema": services.redshift["database"],
            "extra": {"ssl": False},
        },
    }
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields) for name, fields in connections.items()}
