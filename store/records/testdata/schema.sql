CREATE TABLE about (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE changes (
    id     TEXT PRIMARY KEY,
    entity TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT    NOT NULL
);
CREATE INDEX changes_by_entity ON changes (entity, at, id);
CREATE INDEX changes_by_time ON changes (at, id);
CREATE TABLE contracts (
    source TEXT PRIMARY KEY,
    body   TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE decisions (
    id       TEXT PRIMARY KEY,
    incident TEXT    NOT NULL,
    done     INTEGER NOT NULL, -- 1 when its state is an end state
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL,
    body     TEXT    NOT NULL
);
CREATE INDEX decisions_by_created ON decisions (created, id);
CREATE INDEX decisions_by_incident ON decisions (incident, created, id);
CREATE INDEX decisions_by_update ON decisions (updated);
CREATE INDEX decisions_open ON decisions (created, id) WHERE done = 0;
CREATE TABLE findings (
    id     TEXT PRIMARY KEY,
    entity TEXT    NOT NULL,
    client TEXT    NOT NULL,
    onset  INTEGER NOT NULL,
    ended  INTEGER NOT NULL,
    body   TEXT    NOT NULL
);
CREATE INDEX findings_by_client ON findings (client, onset, id);
CREATE INDEX findings_by_end ON findings (ended, onset, id);
CREATE INDEX findings_by_entity ON findings (entity, onset, id);
CREATE INDEX findings_by_onset ON findings (onset, id);
CREATE TABLE incidents (
    id       TEXT PRIMARY KEY,
    state    TEXT    NOT NULL,
    onset    INTEGER NOT NULL,
    resolved INTEGER NOT NULL,
    body     TEXT    NOT NULL
);
CREATE INDEX incidents_by_onset ON incidents (onset, id);
CREATE INDEX incidents_by_state ON incidents (state, onset, id);
CREATE TABLE notices (
    id     TEXT PRIMARY KEY,
    kind   TEXT    NOT NULL,
    entity TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT    NOT NULL
);
CREATE INDEX notices_by_entity ON notices (entity, at, id);
CREATE INDEX notices_by_kind ON notices (kind, at, id);
CREATE INDEX notices_by_time ON notices (at, id);
CREATE TABLE sources (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;
