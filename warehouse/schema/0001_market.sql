-- The market: what the sources said, as they said it. Facts are only ever added.
-- The file keeps to what DuckLake also has: no keys, checks, indexes, sequences or enums.
-- Uniqueness is an anti-join on the key columns named in warehouse/tables.py.

create table feed_run (
    run_id uuid not null,
    feed varchar not null,
    scope varchar not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    outcome varchar not null,
    rows_read bigint,
    rows_new bigint,
    rows_rejected bigint,
    error varchar,
    body_hash varchar
);
comment on table feed_run is 'One row per run of a feed or import of a file, whatever came of it.';
comment on column feed_run.run_id is 'Identity of the run.';
comment on column feed_run.feed is 'Name of the feed (aws.spot_price_history) or import.<kind> for a file.';
comment on column feed_run.scope is 'What the run was asked for: a region, or the name of the file; * for all.';
comment on column feed_run.started_at is 'When it began (UTC).';
comment on column feed_run.finished_at is 'When it ended; null while it runs or if its process was killed.';
comment on column feed_run.outcome is 'running, ok, failed, killed or skipped.';
comment on column feed_run.rows_read is 'Rows the source gave; null if the run ended before they were counted.';
comment on column feed_run.rows_new is 'Rows that were not in the warehouse before.';
comment on column feed_run.rows_rejected is 'Rows refused by a plausibility check.';
comment on column feed_run.error is 'Why it failed, in a sentence; null if it did not.';
comment on column feed_run.body_hash is 'SHA-256 over the bodies received; null where a feed has none.';

create table instance_type (
    provider varchar not null,
    instance_type varchar not null,
    vcpu double not null,
    memory_gib double not null,
    architecture varchar not null,
    gpu_name varchar,
    gpu_count integer not null,
    gpu_memory_gib double,
    local_disk_gb double,
    source varchar not null,
    observed_at timestamptz not null
);
comment on table instance_type is 'Machine shapes; a new row only when a source says something new. Read current_instance_type.';
comment on column instance_type.provider is 'aws, alibaba, gcp, azure.';
comment on column instance_type.instance_type is 'The provider''s name of the shape.';
comment on column instance_type.vcpu is 'Virtual CPUs.';
comment on column instance_type.memory_gib is 'Memory, GiB.';
comment on column instance_type.architecture is 'amd64 or arm64 (Kubernetes'' words); otherwise the provider''s own.';
comment on column instance_type.gpu_name is 'Model of the GPU or accelerator; null if it has none.';
comment on column instance_type.gpu_count is 'GPUs or accelerators; 0 if none.';
comment on column instance_type.gpu_memory_gib is 'Memory of one GPU, GiB; null if unknown or none.';
comment on column instance_type.local_disk_gb is 'Local disk, GB; null if unknown or none.';
comment on column instance_type.source is 'Who said so.';
comment on column instance_type.observed_at is 'When it was first said so (UTC).';

create view current_instance_type as
select *
from instance_type
qualify row_number() over (
    partition by provider, instance_type order by observed_at desc, source, vcpu, memory_gib, gpu_count
) = 1;
comment on view current_instance_type is 'The newest row of each provider and instance type.';

create table available_type (
    provider varchar not null,
    region varchar not null,
    zone varchar not null,
    instance_type varchar not null,
    source varchar not null,
    observed_at timestamptz not null
);
comment on table available_type is 'Pools that the provider says exist; tells "not offered" from "no data".';
comment on column available_type.provider is 'aws, alibaba, gcp, azure.';
comment on column available_type.region is 'Region.';
comment on column available_type.zone is 'Zone id, or zone name where only that is known; * for the whole region.';
comment on column available_type.instance_type is 'The provider''s name of the shape.';
comment on column available_type.source is 'Who said so.';
comment on column available_type.observed_at is 'When it was first said so (UTC).';

create table zone_alias (
    provider varchar not null,
    account varchar not null,
    region varchar not null,
    zone_name varchar not null,
    zone_id varchar not null,
    source varchar not null,
    observed_at timestamptz not null
);
comment on table zone_alias is 'What one account calls a zone: AWS shuffles zone names per account.';
comment on column zone_alias.provider is 'aws, azure.';
comment on column zone_alias.account is 'Account or subscription whose names these are; * where all share them.';
comment on column zone_alias.region is 'Region.';
comment on column zone_alias.zone_name is 'Name as that account sees it: us-east-1a.';
comment on column zone_alias.zone_id is 'Identity of the place: use1-az4.';
comment on column zone_alias.source is 'Who said so.';
comment on column zone_alias.observed_at is 'When it was first said so (UTC).';

create table spot_price (
    provider varchar not null,
    region varchar not null,
    zone varchar not null,
    instance_type varchar not null,
    effective_at timestamptz not null,
    price_per_hour double not null,
    currency varchar not null,
    semantics varchar not null,
    source varchar not null,
    observed_at timestamptz not null
);
comment on table spot_price is 'Spot prices as the sources gave them: raw, never resampled, never converted. Linux.';
comment on column spot_price.provider is 'aws, alibaba, gcp, azure.';
comment on column spot_price.region is 'Region.';
comment on column spot_price.zone is 'Zone id, or zone name where only that is known; * for a price of the whole region.';
comment on column spot_price.instance_type is 'The provider''s name of the shape.';
comment on column spot_price.effective_at is 'The source''s clock: when the price came into force or was sampled (UTC).';
comment on column spot_price.price_per_hour is 'Price of one machine for one hour, in currency.';
comment on column spot_price.currency is 'ISO 4217 code: USD, CNY.';
comment on column spot_price.semantics is 'change_point, sample or interval.';
comment on column spot_price.source is 'Feed or file that said so.';
comment on column spot_price.observed_at is 'Our clock: when it was first read (UTC); for an import without one, effective_at.';

create table last_seen (
    feed varchar not null,
    provider varchar not null,
    region varchar not null,
    zone varchar not null,
    instance_type varchar not null,
    fact varchar not null,
    seen_at timestamptz not null
);
comment on table last_seen is 'When each source last repeated a fact of a pool: an unchanged price or signal adds no row of its own, yet it is fresh.';
comment on column last_seen.feed is 'Source of the fact, as in spot_price.source and signal.source.';
comment on column last_seen.provider is 'aws, alibaba, gcp, azure.';
comment on column last_seen.region is 'Region.';
comment on column last_seen.zone is 'Zone id, or zone name where only that is known; * for the whole region.';
comment on column last_seen.instance_type is 'The provider''s name of the shape.';
comment on column last_seen.fact is 'spot_price, or the definition of a signal.';
comment on column last_seen.seen_at is 'The newest time at which the source gave the fact (UTC).';

create table on_demand_price (
    provider varchar not null,
    region varchar not null,
    instance_type varchar not null,
    effective_at timestamptz not null,
    price_per_hour double not null,
    currency varchar not null,
    source varchar not null,
    observed_at timestamptz not null
);
comment on table on_demand_price is 'List prices without commitment, Linux, shared tenancy, as change points.';
comment on column on_demand_price.provider is 'aws, alibaba, gcp, azure.';
comment on column on_demand_price.region is 'Region.';
comment on column on_demand_price.instance_type is 'The provider''s name of the shape.';
comment on column on_demand_price.effective_at is 'When the price came into force (UTC).';
comment on column on_demand_price.price_per_hour is 'Price of one machine for one hour, in currency.';
comment on column on_demand_price.currency is 'ISO 4217 code: USD, CNY.';
comment on column on_demand_price.source is 'Feed or file that said so.';
comment on column on_demand_price.observed_at is 'When it was first read (UTC); for an import without one, effective_at.';

create table signal (
    provider varchar not null,
    region varchar not null,
    zone varchar not null,
    instance_type varchar not null,
    observed_at timestamptz not null,
    definition varchar not null,
    value_low double not null,
    value_high double,
    source varchar not null,
    detail varchar
);
comment on table signal is 'Published hints at risk. Each has its own definition; definitions are never averaged.';
comment on column signal.provider is 'aws, alibaba, gcp, azure.';
comment on column signal.region is 'Region.';
comment on column signal.zone is 'Zone id, or zone name where only that is known; * for the whole region.';
comment on column signal.instance_type is 'The provider''s name of the shape.';
comment on column signal.observed_at is 'When the source said so, by its own date where it has one (UTC).';
comment on column signal.definition is 'What the value means, e.g. aws.advisor_band_trailing_month (advisor/published_risk.py lists them).';
comment on column signal.value_low is 'Lower end of the band, or the value; shares from 0 to 1.';
comment on column signal.value_high is 'Upper end of the band, or the value; null for an open band.';
comment on column signal.source is 'Feed or file that said so.';
comment on column signal.detail is 'What else the source said, or the request that a score answers, as JSON; null if nothing.';
