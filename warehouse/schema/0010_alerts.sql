-- What is told of: how each alert stands, what it went through, and when somebody last looked.

create table alert (
    fingerprint varchar not null,
    rule varchar not null,
    labels varchar not null,
    state varchar not null,
    since timestamptz not null,
    began_at timestamptz,
    told_at timestamptz,
    better_since timestamptz,
    is_known boolean not null,
    value double,
    text varchar not null
);
comment on table alert is 'How each alert stands. What is well and was well has no row.';
comment on column alert.fingerprint is 'Digest of rule and labels: the identity of the alert.';
comment on column alert.rule is 'Which rule.';
comment on column alert.labels is 'What it is about, as JSON: names and values.';
comment on column alert.state is 'pending, firing, resolved, or unknown where the rule cannot be judged.';
comment on column alert.since is 'When the state was entered (UTC).';
comment on column alert.began_at is 'When what the rule watches for began (UTC); null if it has not.';
comment on column alert.told_at is 'When its firing was last told (UTC); null if nobody has been told, or its end was told too.';
comment on column alert.better_since is 'Since when a firing alert is well again, but not yet for long enough (UTC); null if it is not.';
comment on column alert.is_known is 'False while the rule cannot be judged.';
comment on column alert.value is 'The figure that the rule compares, when it was last known and the row written; null if it has none.';
comment on column alert.text is 'The same in a sentence.';

create table alert_change (
    fingerprint varchar not null,
    rule varchar not null,
    labels varchar not null,
    changed_at timestamptz not null,
    change varchar not null,
    value double,
    text varchar not null
);
comment on table alert_change is 'The audit of alerts: each change of state, and each time that one was told of.';
comment on column alert_change.fingerprint is 'Identity of the alert.';
comment on column alert_change.rule is 'Which rule.';
comment on column alert_change.labels is 'What it is about, as JSON.';
comment on column alert_change.changed_at is 'When (UTC).';
comment on column alert_change.change is 'pending, firing, resolved, dropped (it never fired), told, told_again or end_told.';
comment on column alert_change.value is 'The figure at that time; null if it has none.';
comment on column alert_change.text is 'The same in a sentence.';

create table alert_look (
    looked_at timestamptz not null,
    readings bigint not null
);
comment on table alert_look is 'When the rules were last judged: one row, or none before the first time.';
comment on column alert_look.looked_at is 'When (UTC).';
comment on column alert_look.readings is 'How much was judged: pools, feeds, hand-overs.';
