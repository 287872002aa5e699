-- What is told to people and programs, until its receiver has accepted it.

create table message (
    message_id varchar not null,
    channel varchar not null,
    receiver varchar not null,
    kind varchar not null,
    subject varchar not null,
    created_at timestamptz not null,
    payload varchar,
    state varchar not null,
    attempts integer not null,
    next_try_at timestamptz not null,
    last_tried_at timestamptz,
    last_error varchar,
    ended_at timestamptz
);
comment on table message is 'Reports and alerts on their way to a receiver: one row for each notice and receiver.';
comment on column message.message_id is 'The same for the same notice to the same receiver; it goes with every attempt, so that a receiver can drop a repeat.';
comment on column message.channel is 'Name of the channel in the configuration.';
comment on column message.receiver is 'Which of the channel''s receivers, such as an address for mail; empty where there is one.';
comment on column message.kind is 'report, alert or test.';
comment on column message.subject is 'One line that says what it is.';
comment on column message.created_at is 'When it was put here (UTC).';
comment on column message.payload is 'What is told, with its attachments, as JSON; null once it was accepted.';
comment on column message.state is 'pending, accepted or given_up.';
comment on column message.attempts is 'How often it was tried; counted before each attempt.';
comment on column message.next_try_at is 'Not tried before (UTC).';
comment on column message.last_tried_at is 'When it was last tried (UTC); null if never.';
comment on column message.last_error is 'Why the last attempt failed; null if none has.';
comment on column message.ended_at is 'When it was accepted or given up (UTC); null while it is pending.';
