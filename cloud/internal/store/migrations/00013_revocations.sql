-- +goose Up
-- Whom a revocation is of: its row may be removed, and bridges must go on refusing it.
ALTER TABLE revocations ADD COLUMN node TEXT NOT NULL DEFAULT '';
