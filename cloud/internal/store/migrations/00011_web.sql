-- +goose Up
-- The certificates that apps take at a bridge's link port, by its last lease.
ALTER TABLE bridges ADD COLUMN web TEXT NOT NULL DEFAULT '[]'; -- JSON: their hashes
