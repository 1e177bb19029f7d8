-- +goose Up
-- The events of one call in one delivery are one row: what each costs is its JSON, not the indexes.
ALTER TABLE events RENAME COLUMN event TO lines; -- of each event: its seq, a space, JSON of ledger.Event
UPDATE events SET lines = CAST(seq AS TEXT) || ' ' || lines;

-- How far each spool is stored: what was delivered stays known when its events are forgotten.
CREATE TABLE spools (
    node    TEXT NOT NULL,
    spool   TEXT NOT NULL,
    through BIGINT NOT NULL,
    PRIMARY KEY (node, spool)
);
INSERT INTO spools (node, spool, through)
SELECT node, spool, MAX(seq) FROM (SELECT node, spool, seq FROM events UNION ALL SELECT node, spool, seq FROM ledger_bad) AS delivered
GROUP BY node, spool;

-- The row of an organization is the lock of its ledger: who holds it sees all that is stored, and stores alone.
CREATE TABLE ledger_writes (
    org    TEXT PRIMARY KEY,
    writes BIGINT NOT NULL
);

ALTER TABLE call_parties ADD COLUMN stored_at BIGINT NOT NULL DEFAULT 0; -- 0: by an earlier release
CREATE INDEX call_parties_stored_at ON call_parties (stored_at);
