-- +goose Up
-- What administrators are to know, and where it is sent.
CREATE TABLE alerts (
    id         TEXT PRIMARY KEY,
    org        TEXT NOT NULL,
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL, -- when it happened
    updated_at BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    severity   TEXT NOT NULL,
    node       TEXT NOT NULL,
    site       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    call       TEXT NOT NULL,
    words      TEXT NOT NULL,
    contacts   TEXT NOT NULL, -- JSON
    dismissed  BOOLEAN NOT NULL
);
CREATE INDEX alerts_org ON alerts (org, id);
ALTER TABLE organizations ADD COLUMN alert_url TEXT NOT NULL DEFAULT '';
ALTER TABLE sites ADD COLUMN alert_url TEXT NOT NULL DEFAULT '';
ALTER TABLE sites ADD COLUMN emergency_contacts TEXT NOT NULL DEFAULT '[]'; -- JSON
