-- What a feed carries from run to run, and what a run spoke of.

alter table feed_run add column pools_read bigint;
alter table feed_run add column retry_after_seconds double;
comment on column feed_run.outcome is 'running, ok, unchanged, quarantined, failed, killed or skipped.';
comment on column feed_run.pools_read is 'Different pools, shapes or machines that its rows spoke of; null if the run ended before they were counted.';
comment on column feed_run.retry_after_seconds is 'How long the source asked us to stay away, seconds; null if it did not.';

alter table signal add column subject varchar;
comment on column signal.subject is 'What it is about beyond its pool, so that two are not taken for one: the fingerprint of the request that a score answers, the machine or event that is told of; null if nothing.';

create table feed_progress (
    feed varchar not null,
    scope varchar not null,
    cursor varchar,
    pages varchar not null,
    changed_at timestamptz not null
);
comment on table feed_progress is 'Where each feed goes on: written in the transaction that stores its rows.';
comment on column feed_progress.feed is 'Name of the feed.';
comment on column feed_progress.scope is 'What it is asked for: a region; * for all.';
comment on column feed_progress.cursor is 'The feed''s own note: a resource version, the version of a list it read last; null if it needs none.';
comment on column feed_progress.pages is 'Validators of the public pages read last, by URL, as JSON.';
comment on column feed_progress.changed_at is 'When it was written (UTC).';

create view machine_interruption as
with report as (
    select
        provider, node, kind, occurred_at, region, zone, instance_type, notice_seconds, source,
        occurred_at > coalesce(
            lag(occurred_at) over (partition by provider, node order by occurred_at, kind, source)
                + interval 10 minutes,
            '-infinity'
        ) as is_new
    from interruption
),
numbered as (
    select
        *, count(*) filter (is_new) over (
            partition by provider, node order by occurred_at, kind, source
        ) as loss
    from report
),
machine as (
    from exposure
    qualify row_number() over (
        partition by provider, node order by region is null, zone is null, launched_at desc, source
    ) = 1
)
select
    numbered.provider, numbered.node,
    coalesce(any_value(numbered.region), any_value(machine.region)) as region,
    coalesce(any_value(numbered.zone), any_value(machine.zone)) as zone,
    coalesce(any_value(numbered.instance_type), any_value(machine.instance_type)) as instance_type,
    min(numbered.occurred_at) filter (numbered.kind = 'announced') as announced_at,
    min(numbered.occurred_at) filter (numbered.kind = 'taken') as taken_at,
    min(numbered.occurred_at) as first_told_at,
    max(numbered.notice_seconds) as notice_seconds,
    list_sort(list(distinct numbered.source)) as sources
from numbered
left join machine on machine.provider = numbered.provider and machine.node = numbered.node
group by numbered.provider, numbered.node, numbered.loss;
comment on view machine_interruption is 'One row per machine lost or announced to be: reports of one machine within ten minutes, by whatever source, are one. The pool is the report''s or, if that had none, the machine''s; null if neither is known.';
