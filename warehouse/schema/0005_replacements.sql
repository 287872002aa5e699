-- Hand-overs that two controllers cannot both move on, and what was done to the cluster for them.

alter table replacement add column sequence integer default 1;
alter table replacement alter column sequence set not null;
comment on column replacement.sequence is 'Which transition of its hand-over it is, from 1: two controllers cannot both take the same one.';

create table replacement_action (
    replacement_id varchar not null,
    sequence integer not null,
    done_at timestamptz not null,
    action varchar not null,
    subject varchar not null,
    outcome varchar not null,
    detail varchar
);
comment on table replacement_action is 'The audit: each thing that was done to the cluster for a hand-over, or was tried and refused.';
comment on column replacement_action.replacement_id is 'Identity of the hand-over; empty for what was done for none in particular.';
comment on column replacement_action.sequence is 'Transition of the hand-over that it was done for.';
comment on column replacement_action.done_at is 'When it was tried (UTC).';
comment on column replacement_action.action is 'What: decided, or the verb (retire, surge, evict).';
comment on column replacement_action.subject is 'The object it was done to.';
comment on column replacement_action.outcome is 'done, failed, or blocked: a PodDisruptionBudget said no.';
comment on column replacement_action.detail is 'The error''s sentence, or what else was asked for; null if nothing.';
