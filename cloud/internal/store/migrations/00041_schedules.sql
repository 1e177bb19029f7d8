-- +goose Up
-- Hours by which numbers, users and queues go.
CREATE TABLE schedules (
    id         TEXT PRIMARY KEY,
    org        TEXT NOT NULL REFERENCES organizations (id),
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    name       TEXT NOT NULL,
    site       TEXT REFERENCES sites (id), -- by whose clocks, unless time_zone names others
    time_zone  TEXT NOT NULL,
    weekly     TEXT NOT NULL, -- JSON
    holidays   TEXT NOT NULL, -- JSON
    override   TEXT NOT NULL, -- open, closed; '': by the clock
    users      TEXT NOT NULL, -- JSON: ids of who may override it
    UNIQUE (org, name)
);
ALTER TABLE numbers ADD COLUMN hours TEXT NOT NULL DEFAULT ''; -- JSON; '': always
ALTER TABLE queues ADD COLUMN hours TEXT NOT NULL DEFAULT '';
