"""Creates, shows and deletes the Redshift warehouse and what it needs: `python -m include.provision --help`.

    options.py      what is to be created: options and environment variables
    commands.py     create, status, delete
    access.py       the IAM role of COPY, the security group, the subnet group
    serverless.py   namespace, workgroup and usage limit
    cluster.py      the provisioned alternative
    tables.py       schemas, tables, views and the read-only role, through the Data API
    prices.py       what it costs by the hour
    permissions.py  the IAM policy of the person who runs this
    aws.py          the one gate to AWS

Every object carries the tag `created-by: musician-warehouse`; one without it is neither changed nor deleted.
"""
