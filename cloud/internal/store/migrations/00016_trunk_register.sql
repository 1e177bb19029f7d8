-- +goose Up
-- How a switch speaks to a phone company.
ALTER TABLE trunks ADD COLUMN register BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE trunks ADD COLUMN domain TEXT NOT NULL DEFAULT '';
