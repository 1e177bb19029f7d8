-- +goose Up
ALTER TABLE sites ADD COLUMN keep_alive_seconds INTEGER NOT NULL DEFAULT 0; -- of phones behind NATs; 0: as usual, -1: never
