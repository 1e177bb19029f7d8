-- +goose Up
ALTER TABLE trunks ADD COLUMN probe_seconds BIGINT NOT NULL DEFAULT 30; -- between two OPTIONS to each server; 0: none
