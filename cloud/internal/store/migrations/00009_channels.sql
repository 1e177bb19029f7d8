-- +goose Up
-- Which run of a bridge its last lease was of.
ALTER TABLE bridges ADD COLUMN boot TEXT NOT NULL DEFAULT '';

-- The devices that have a channel, each at one bridge. A row counts while that run of the bridge lives.
CREATE TABLE channels (
    device     TEXT PRIMARY KEY,
    org        TEXT NOT NULL,
    bridge     TEXT NOT NULL REFERENCES bridges (id) ON DELETE CASCADE,
    boot       TEXT NOT NULL,
    opened     BIGINT NOT NULL, -- by the device's own count
    thumbprint TEXT NOT NULL    -- of the key that opened it
);
CREATE INDEX channels_org ON channels (org);
CREATE INDEX channels_bridge ON channels (bridge);
