-- What the admin makes for the user musician_loader, as whom the pipeline logs in: it owns its four schemas.
create schema if not exists staging authorization musician_loader;
create schema if not exists audit authorization musician_loader;
create schema if not exists dwh authorization musician_loader;
create schema if not exists analytics authorization musician_loader;
