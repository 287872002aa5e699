-- What the server does by the clock: each run of a job leaves a row, whatever came of it.

create table job_run (
    run_id uuid not null,
    job varchar not null,
    due_at timestamptz not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    outcome varchar not null,
    error varchar,
    detail varchar
);
comment on table job_run is 'Each attempt to do a job: by the clock of `spotcast serve`, or by `spotcast jobs run`.';
comment on column job_run.run_id is 'Identifier.';
comment on column job_run.job is 'Name of the job, as in docs/jobs.md.';
comment on column job_run.due_at is 'The date of its schedule that the run is for (UTC); of a run by hand, when it was asked for. Dates that were missed before it are covered by it.';
comment on column job_run.started_at is 'When it began (UTC).';
comment on column job_run.finished_at is 'When it ended, or was found to have been killed (UTC).';
comment on column job_run.outcome is 'running, ok, failed, killed (its process ended first) or refused (the run before it was still under way).';
comment on column job_run.error is 'What went wrong, in a sentence.';
comment on column job_run.detail is 'What it did, as JSON; the figures of each job are in docs/jobs.md.';
