-- How long the parts of starts took in the user's own clusters: what lead times are learned from.

create table start_duration (
    part varchar not null,
    provider varchar not null,
    region varchar,
    zone varchar,
    instance_type varchar,
    image varchar,
    model varchar,
    way varchar,
    seconds double not null check (seconds > 0),
    size_gb double,
    subject varchar not null,
    observed_at timestamptz not null,
    source varchar not null
);
comment on table start_duration is 'One part of one start that was seen in a cluster of the user''s: a machine''s boot, an image''s pull, a model''s load, an engine''s start.';
comment on column start_duration.part is 'boot, image, weights, engine, or weights+engine where the server reads the weights itself.';
comment on column start_duration.provider is 'Cloud of the machine.';
comment on column start_duration.region is 'Region of the machine.';
comment on column start_duration.zone is 'Zone of the machine, by its id where the cloud has one.';
comment on column start_duration.instance_type is 'The machine''s type.';
comment on column start_duration.image is 'Image that was pulled, or that the engine is of; null for a boot.';
comment on column start_duration.model is 'Where the weights come from, as the pod says it: a storage URI, a path, a model''s id; null if it is about none.';
comment on column start_duration.way is 'How: of an image its pull (eager, soci), of weights their load (storage-initializer, fluid), of an engine what it was spared (compile-cache, enforce-eager); null for the plain way.';
comment on column start_duration.seconds is 'How long it took, seconds.';
comment on column start_duration.size_gb is 'Of how many GB (10^9 bytes); null if nothing told.';
comment on column start_duration.subject is 'The NodeClaim, or the pod and container: what cannot start twice.';
comment on column start_duration.observed_at is 'When the part was over (UTC).';
comment on column start_duration.source is 'Where it was read: nodeclaim, kubelet or pod.';
