-- +goose Up
-- Lines to phone companies, and what is dialled for them.
CREATE TABLE trunks (
    id         TEXT PRIMARY KEY,
    org        TEXT NOT NULL REFERENCES organizations (id),
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    name       TEXT NOT NULL,
    switch     TEXT NOT NULL REFERENCES switches (id),
    enabled    BOOLEAN NOT NULL,
    rank       BIGINT NOT NULL, -- the lowest is tried first
    weight     BIGINT NOT NULL,
    servers    TEXT NOT NULL,   -- JSON: "host" or "host:port"
    number     TEXT NOT NULL,
    username   TEXT NOT NULL,
    caller_id  TEXT NOT NULL,
    UNIQUE (org, name)
);
CREATE TABLE trunk_passwords (
    trunk   TEXT PRIMARY KEY REFERENCES trunks (id) ON DELETE CASCADE,
    wrapped BYTEA NOT NULL
);
ALTER TABLE sites ADD COLUMN country TEXT NOT NULL DEFAULT ''; -- ISO 3166-1
ALTER TABLE sites ADD COLUMN outside TEXT NOT NULL DEFAULT ''; -- dialled before a phone number
