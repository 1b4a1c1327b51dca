-- What people agreed that sources send: the last contract of each.

-- +goose Up
CREATE TABLE contracts (
    source TEXT PRIMARY KEY,
    body   TEXT NOT NULL
) WITHOUT ROWID;
