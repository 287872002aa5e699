-- What is kept of facts that are no longer kept as they were told, and what was taken away when.

create table spot_price_hour (
    provider varchar not null,
    region varchar not null,
    zone varchar not null,
    instance_type varchar not null,
    hour_at timestamptz not null,
    hours integer not null,
    mean_per_hour double not null,
    low_per_hour double not null,
    high_per_hour double not null,
    known_share double not null,
    facts integer not null,
    currency varchar not null,
    semantics varchar not null,
    source varchar not null
);
comment on table spot_price_hour is 'Spot prices by hours, of the time from which spot_price no longer has all rows. Hours of which nothing is known have no row. Hours in a row that are the same, up to 13 weeks of them, are one row.';
comment on column spot_price_hour.provider is 'aws, alibaba, gcp, azure.';
comment on column spot_price_hour.region is 'Region.';
comment on column spot_price_hour.zone is 'Zone id, or zone name where only that is known; * for a price of the whole region.';
comment on column spot_price_hour.instance_type is 'The provider''s name of the shape.';
comment on column spot_price_hour.hour_at is 'When the hour, or the first of the hours, begins (UTC).';
comment on column spot_price_hour.hours is 'How many hours in a row, from hour_at on, were the same.';
comment on column spot_price_hour.mean_per_hour is 'Price of one machine for one hour, in currency, weighted by time, of the part of the hour that is known.';
comment on column spot_price_hour.low_per_hour is 'Lowest price within the hour.';
comment on column spot_price_hour.high_per_hour is 'Highest price within the hour.';
comment on column spot_price_hour.known_share is 'Part of the hour of which a price is known, above 0 to 1.';
comment on column spot_price_hour.facts is 'How many facts speak of the hour: prices in force or sampled in it.';
comment on column spot_price_hour.currency is 'ISO 4217 code: USD, CNY.';
comment on column spot_price_hour.semantics is 'change_point, sample or interval: what the facts were.';
comment on column spot_price_hour.source is 'Feed or file that gave the facts.';

create table availability_hour (
    trace_id varchar not null,
    hour_at timestamptz not null,
    provider varchar not null,
    region varchar,
    zone varchar not null,
    instance_type varchar not null,
    probe_kind varchar not null,
    target_capacity integer not null,
    probes integer not null,
    mean_available double not null,
    low_available integer not null,
    high_available integer not null,
    observed_at_is_approximate boolean not null,
    source varchar not null
);
comment on table availability_hour is 'Probes by hours, of the time from which availability_tick no longer has all rows. Hours without a probe have no row.';
comment on column availability_hour.trace_id is 'Which series.';
comment on column availability_hour.hour_at is 'When the hour begins (UTC).';
comment on column availability_hour.provider is 'aws, alibaba, gcp, azure.';
comment on column availability_hour.region is 'Region; null if it cannot be told from the zone.';
comment on column availability_hour.zone is 'Zone id or name.';
comment on column availability_hour.instance_type is 'The provider''s name of the shape.';
comment on column availability_hour.probe_kind is 'launch_probe, held_instance or held_fleet: different quantities.';
comment on column availability_hour.target_capacity is 'Machines asked for.';
comment on column availability_hour.probes is 'How many probes there were.';
comment on column availability_hour.mean_available is 'Machines that could be had or were held, mean of the probes.';
comment on column availability_hour.low_available is 'The fewest that a probe found.';
comment on column availability_hour.high_available is 'The most that a probe found.';
comment on column availability_hour.observed_at_is_approximate is 'True where only the day of the series is known.';
comment on column availability_hour.source is 'Feed or file that said so.';

create table retention_run (
    table_name varchar not null,
    start_at timestamptz,
    end_at timestamptz not null,
    rows_removed bigint not null,
    rows_kept bigint not null,
    done_at timestamptz not null
);
comment on table retention_run is 'What was taken out of the database, when, and what was kept in its stead: one row per table and span of time.';
comment on column retention_run.table_name is 'From which table.';
comment on column retention_run.start_at is 'Start of the span (UTC); null for all before its end.';
comment on column retention_run.end_at is 'End of the span (UTC): older rows are gone, except those still in force or still needed.';
comment on column retention_run.rows_removed is 'Rows taken out.';
comment on column retention_run.rows_kept is 'Rows by hours that were written instead.';
comment on column retention_run.done_at is 'When (UTC), in the transaction that did it.';
