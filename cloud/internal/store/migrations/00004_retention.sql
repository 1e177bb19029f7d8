-- +goose Up
CREATE INDEX events_at ON events (at);
ALTER TABLE ledger_bad ADD COLUMN stored_at BIGINT NOT NULL DEFAULT 0; -- 0: by an earlier release
