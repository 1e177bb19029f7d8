-- +goose Up
CREATE TABLE events (
    org     TEXT NOT NULL,
    node    TEXT NOT NULL,
    spool   TEXT NOT NULL,
    seq     BIGINT NOT NULL,
    call    TEXT NOT NULL,
    at      BIGINT NOT NULL,
    event   TEXT NOT NULL, -- JSON of ledger.Event
    PRIMARY KEY (node, spool, seq)
);
CREATE INDEX events_call ON events (org, call);

CREATE TABLE ledger_bad (
    org     TEXT NOT NULL,
    node    TEXT NOT NULL,
    spool   TEXT NOT NULL,
    seq     BIGINT NOT NULL,
    why     TEXT NOT NULL,
    raw     BYTEA NOT NULL,
    PRIMARY KEY (node, spool, seq)
);

-- Which nodes may report events of a call.
CREATE TABLE call_parties (
    org      TEXT NOT NULL,
    call     TEXT NOT NULL,
    node     TEXT NOT NULL,
    admitted BOOLEAN NOT NULL, -- by the broker; else the node claimed the call by reporting it
    PRIMARY KEY (org, call, node)
);

CREATE TABLE calls (
    org         TEXT NOT NULL,
    id          TEXT NOT NULL,
    started_at  BIGINT NOT NULL,
    state       TEXT NOT NULL,
    from_user   TEXT NOT NULL,
    to_user     TEXT NOT NULL,
    from_number TEXT NOT NULL,
    to_number   TEXT NOT NULL,
    dialled     TEXT NOT NULL,
    events      BIGINT NOT NULL, -- that the record was made of: a record made of fewer never replaces it
    record      TEXT NOT NULL,   -- JSON of rest.Call without legs and ladder
    PRIMARY KEY (org, id)
);
CREATE INDEX calls_started ON calls (org, started_at, id);
