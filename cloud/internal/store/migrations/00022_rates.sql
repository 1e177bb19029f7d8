-- +goose Up
-- What calls by a trunk cost: replaced as a whole, and read only by Go.
CREATE TABLE trunk_rates (
    trunk     TEXT PRIMARY KEY REFERENCES trunks (id) ON DELETE CASCADE,
    rates     BIGINT NOT NULL, -- how many
    stored_at BIGINT NOT NULL,
    csv       TEXT NOT NULL,   -- package tariff
    short     TEXT NOT NULL,   -- JSON: what switches hold for when the cloud is away
    condensed BOOLEAN NOT NULL -- short is not all of it
);
-- Of calls that a trunk was asked to take.
ALTER TABLE calls ADD COLUMN trunk TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN talked BIGINT NOT NULL DEFAULT 0; -- seconds: those that are paid, else those that were talked
ALTER TABLE calls ADD COLUMN cost BIGINT NOT NULL DEFAULT 0;   -- millionths
ALTER TABLE calls ADD COLUMN currency TEXT NOT NULL DEFAULT '';
CREATE INDEX calls_trunk ON calls (org, started_at) WHERE trunk <> '';
