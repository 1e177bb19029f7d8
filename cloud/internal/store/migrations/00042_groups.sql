-- +goose Up
-- Who picks up whose calls, and who is paged; names and short codes of numbers; where calls are parked; who sees lamps.
CREATE TABLE user_groups (
    id         TEXT PRIMARY KEY,
    org        TEXT NOT NULL REFERENCES organizations (id),
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL, -- pickup, paging
    code       TEXT NOT NULL, -- by which it is dialled; '': none
    members    TEXT NOT NULL, -- JSON: ids of users
    others     TEXT NOT NULL, -- JSON: ids of users who may do it too
    UNIQUE (org, kind, name)
);
CREATE TABLE contacts (
    id         TEXT PRIMARY KEY,
    org        TEXT NOT NULL REFERENCES organizations (id),
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    number     TEXT NOT NULL,
    name       TEXT NOT NULL,
    speed_dial TEXT NOT NULL, -- two digits; '': none
    UNIQUE (org, number)
);
ALTER TABLE sites ADD COLUMN park_slots BIGINT NOT NULL DEFAULT 0;   -- 0: as many as usual, -1: none
ALTER TABLE sites ADD COLUMN park_seconds BIGINT NOT NULL DEFAULT 0; -- until a parked call comes back; 0: as usual
ALTER TABLE organizations ADD COLUMN lamps TEXT NOT NULL DEFAULT ''; -- private; '': everybody sees them
