-- What a stored forecast rests on, so that later fits can take off what was added to the model.

alter table risk_forecast add column made_from varchar;
comment on column risk_forecast.made_from is 'What spoke for the pool: machine (the user''s own), held_instance, held_fleet, launch_probe or published_band; null for forecasts stored before this column.';

alter table risk_forecast add column recalibration double default 0;
alter table risk_forecast alter column recalibration set not null;
comment on column risk_forecast.recalibration is 'Log odds in the probability that were added because of what became of earlier forecasts.';

alter table risk_forecast add column signals varchar;
comment on column risk_forecast.signals is 'Signals as they stood when it was issued, as JSON: each one''s reading (-1 safe to 1 risky, faded by its age) and, as added, the log odds in the probability; null if there were none.';
