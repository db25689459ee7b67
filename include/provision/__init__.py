"""Creates, shows and deletes the warehouse on AWS: `python -m include.provision --help`.

    warehouse.yaml  everything in it, as a CloudFormation template
    stack.py        the stack: change set, events, deletion
    warehouse.py    Redshift behind it: address, final snapshot, daily usage limit
    tables.py       the user of the pipeline, schemas, tables, views and the read-only role, by the Data API
    commands.py     create, status, delete
    options.py      what is to be created: options and environment variables
    prices.py       what it costs per hour
    permissions.py  the IAM policies of the person who runs this, and of the pipeline
    aws.py          all calls to AWS

cfn-lint checks the template against AWS's published schemas; it has not been run on AWS. moto's CloudFormation
(5.2.5) creates the bucket without its policy and protections, the role, the security group and the cluster, but
neither Redshift Serverless nor secrets; it has no termination protection, no failing stacks and no rollback.
"""
