-- What the admin creates for musician_loader, the user that the pipeline logs in as: the four schemas that it owns.
create schema if not exists staging authorization musician_loader;
create schema if not exists audit authorization musician_loader;
create schema if not exists dwh authorization musician_loader;
create schema if not exists analytics authorization musician_loader;
