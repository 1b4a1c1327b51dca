-- What other programs told of: alerts, pushes, pipelines, plain CloudEvents.

-- +goose Up
CREATE TABLE notices (
    id     TEXT PRIMARY KEY,
    kind   TEXT    NOT NULL,
    entity TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT    NOT NULL
);
CREATE INDEX notices_by_time ON notices (at, id);
CREATE INDEX notices_by_kind ON notices (kind, at, id);
CREATE INDEX notices_by_entity ON notices (entity, at, id);
