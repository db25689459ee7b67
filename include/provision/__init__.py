"""Creates, shows and deletes the warehouse at AWS: `python -m include.provision --help`.

    warehouse.yaml  all of it, as a CloudFormation template
    stack.py        the stack: change set, events, deletion
    warehouse.py    Redshift behind it: address, final snapshot, daily usage limit
    tables.py       the user of the pipeline, schemas, tables, views and the read-only role, by the Data API
    commands.py     create, status, delete
    options.py      what is to be created: options and environment variables
    prices.py       what it costs by the hour
    permissions.py  the IAM policies of the person who runs this, and of the pipeline
    aws.py          the one gate to AWS

cfn-lint checks the template against AWS's published schemas; nothing of it was run at AWS. moto's CloudFormation
(5.2.5) makes the bucket without its policy and protections, the role, the security group and the cluster, but
neither Redshift Serverless nor secrets; it knows no termination protection, fails no stack and undoes nothing.
"""
