-- Outcomes and decisions: machines lost, machines at risk, forecasts, advice, replacements.

create table interruption (
    provider varchar not null,
    region varchar,
    zone varchar,
    instance_type varchar,
    node varchar not null,
    kind varchar not null,
    occurred_at timestamptz not null,
    notice_seconds double,
    source varchar not null,
    observed_at timestamptz not null
);
comment on table interruption is 'The cloud took, or announced it takes, a machine; kept even if its pool is unknown.';
comment on column interruption.provider is 'aws, alibaba, gcp, azure.';
comment on column interruption.region is 'Region; null if unknown.';
comment on column interruption.zone is 'Zone id or name; null if unknown.';
comment on column interruption.instance_type is 'The provider''s name of the shape; null if unknown.';
comment on column interruption.node is 'The provider''s id of the machine, or the node''s name.';
comment on column interruption.kind is 'announced or taken.';
comment on column interruption.occurred_at is 'When it was announced or taken (UTC).';
comment on column interruption.notice_seconds is 'Time between the announcement and the loss, seconds; null if unknown.';
comment on column interruption.source is 'Feed or file that said so.';
comment on column interruption.observed_at is 'When it was first read (UTC); for an import without one, occurred_at.';

create table exposure (
    provider varchar not null,
    region varchar,
    zone varchar,
    instance_type varchar not null,
    node varchar not null,
    launched_at timestamptz not null,
    last_alive_at timestamptz not null,
    ended_at timestamptz,
    ended_by varchar not null,
    end_reason varchar not null,
    source varchar not null
);
comment on table exposure is 'One machine''s time at risk and how it ended: the denominator of every rate.';
comment on column exposure.provider is 'aws, alibaba, gcp, azure.';
comment on column exposure.region is 'Region; null if unknown.';
comment on column exposure.zone is 'Zone id or name; null if unknown.';
comment on column exposure.instance_type is 'The provider''s name of the shape.';
comment on column exposure.node is 'The provider''s id of the machine, or the node''s name.';
comment on column exposure.launched_at is 'Start of the time at risk (UTC).';
comment on column exposure.last_alive_at is 'When it was last seen alive (UTC).';
comment on column exposure.ended_at is 'When it was first seen gone (UTC); null if it was still running.';
comment on column exposure.ended_by is 'interrupted, policy (a known rule such as GCP''s 24 h limit), user or still_running (censored).';
comment on column exposure.end_reason is 'The source''s own word for the end.';
comment on column exposure.source is 'Feed or file that said so.';

create table availability_tick (
    trace_id varchar not null,
    tick integer not null,
    provider varchar not null,
    region varchar,
    zone varchar not null,
    instance_type varchar not null,
    probe_kind varchar not null,
    target_capacity integer not null,
    available integer not null,
    observed_at timestamptz not null,
    observed_at_is_approximate boolean not null,
    offset_seconds double not null,
    spot_usd_per_hour double,
    source varchar not null
);
comment on table availability_tick is 'Regular probes of one pool: how many machines could be had or were held at each moment.';
comment on column availability_tick.trace_id is 'Which series.';
comment on column availability_tick.tick is 'Position in the series, from 0.';
comment on column availability_tick.provider is 'aws, alibaba, gcp, azure.';
comment on column availability_tick.region is 'Region; null if it cannot be told from the zone.';
comment on column availability_tick.zone is 'Zone id or name.';
comment on column availability_tick.instance_type is 'The provider''s name of the shape.';
comment on column availability_tick.probe_kind is 'launch_probe, held_instance or held_fleet: different quantities.';
comment on column availability_tick.target_capacity is 'Machines asked for.';
comment on column availability_tick.available is 'Machines that could be had or were held, 0 to target_capacity.';
comment on column availability_tick.observed_at is 'When (UTC).';
comment on column availability_tick.observed_at_is_approximate is 'True where only the day of the series is known; offset_seconds is exact.';
comment on column availability_tick.offset_seconds is 'Seconds since the series began.';
comment on column availability_tick.spot_usd_per_hour is 'Spot price at that moment, USD; null if not recorded.';
comment on column availability_tick.source is 'Feed or file that said so.';

create table availability_spell (
    trace_id varchar not null,
    spell integer not null,
    provider varchar not null,
    region varchar,
    zone varchar not null,
    instance_type varchar not null,
    probe_kind varchar not null,
    target_capacity integer not null,
    available integer not null,
    started_at timestamptz not null,
    duration_seconds double not null,
    left_censored boolean not null,
    right_censored boolean not null,
    source varchar not null
);
comment on table availability_spell is 'The same series as runs of equal availability, with what is known of their ends.';
comment on column availability_spell.trace_id is 'Which series.';
comment on column availability_spell.spell is 'Position in the series, from 1.';
comment on column availability_spell.provider is 'aws, alibaba, gcp, azure.';
comment on column availability_spell.region is 'Region; null if it cannot be told from the zone.';
comment on column availability_spell.zone is 'Zone id or name.';
comment on column availability_spell.instance_type is 'The provider''s name of the shape.';
comment on column availability_spell.probe_kind is 'launch_probe, held_instance or held_fleet.';
comment on column availability_spell.target_capacity is 'Machines asked for.';
comment on column availability_spell.available is 'Machines that could be had or were held during the spell.';
comment on column availability_spell.started_at is 'When it began (UTC).';
comment on column availability_spell.duration_seconds is 'How long it was observed, seconds.';
comment on column availability_spell.left_censored is 'True if it had begun before the series did.';
comment on column availability_spell.right_censored is 'True if it had not ended when the series did.';
comment on column availability_spell.source is 'Feed or file that said so.';

create table risk_forecast (
    provider varchar not null,
    region varchar not null,
    zone varchar not null,
    instance_type varchar not null,
    issued_at timestamptz not null,
    horizon_seconds double not null,
    probability double not null,
    probability_low double not null,
    probability_high double not null,
    model_version varchar not null,
    grade varchar not null,
    evidence_until timestamptz,
    drivers varchar not null
);
comment on table risk_forecast is 'Every forecast as it was issued, so that it can be scored against what happened.';
comment on column risk_forecast.provider is 'aws, alibaba, gcp, azure.';
comment on column risk_forecast.region is 'Region.';
comment on column risk_forecast.zone is 'Zone id or name; * for the whole region.';
comment on column risk_forecast.instance_type is 'The provider''s name of the shape.';
comment on column risk_forecast.issued_at is 'When it was issued (UTC).';
comment on column risk_forecast.horizon_seconds is 'Window after issued_at that the probability speaks of, seconds.';
comment on column risk_forecast.probability is 'P(a machine up in the pool is interrupted within the window), 0 to 1.';
comment on column risk_forecast.probability_low is 'Lower end of its interval.';
comment on column risk_forecast.probability_high is 'Upper end of its interval.';
comment on column risk_forecast.model_version is 'Which model said so.';
comment on column risk_forecast.grade is 'prior, early, learning, established or stale: how much evidence stands behind it.';
comment on column risk_forecast.evidence_until is 'Newest evidence used (UTC); null if there is none.';
comment on column risk_forecast.drivers is 'Additive contributions to the logit, strongest first, as JSON.';

create table advice (
    advice_id varchar not null,
    issued_at timestamptz not null,
    kind varchar not null,
    demand varchar not null,
    policy varchar not null,
    answer varchar not null,
    model_version varchar not null,
    data_as_of timestamptz not null
);
comment on table advice is 'What was recommended, to which question, on what evidence.';
comment on column advice.advice_id is 'Identity of the advice.';
comment on column advice.issued_at is 'When it was given (UTC).';
comment on column advice.kind is 'ranking, nodepool, headroom or plan.';
comment on column advice.demand is 'What was asked for, as JSON.';
comment on column advice.policy is 'What the user accepts, as JSON.';
comment on column advice.answer is 'What was answered, as JSON.';
comment on column advice.model_version is 'Which risk stood behind it.';
comment on column advice.data_as_of is 'Age of the oldest fact used (UTC).';

create table replacement (
    replacement_id varchar not null,
    changed_at timestamptz not null,
    state varchar not null,
    node varchar not null,
    provider varchar not null,
    region varchar not null,
    zone varchar not null,
    instance_type varchar not null,
    mechanism varchar not null,
    reason varchar not null,
    detail varchar
);
comment on table replacement is 'Each transition of each hand-over; the newest row of a replacement_id is its state.';
comment on column replacement.replacement_id is 'Identity of the hand-over.';
comment on column replacement.changed_at is 'When the state was entered (UTC).';
comment on column replacement.state is 'State entered.';
comment on column replacement.node is 'Node that is replaced.';
comment on column replacement.provider is 'aws, alibaba, gcp, azure.';
comment on column replacement.region is 'Region of the node.';
comment on column replacement.zone is 'Zone of the node.';
comment on column replacement.instance_type is 'Shape of the node.';
comment on column replacement.mechanism is 'How it is replaced.';
comment on column replacement.reason is 'Why, in a sentence with numbers and units.';
comment on column replacement.detail is 'What else is needed to resume it, as JSON.';
