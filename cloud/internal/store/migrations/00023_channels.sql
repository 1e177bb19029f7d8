-- +goose Up
ALTER TABLE trunks ADD COLUMN channels BIGINT NOT NULL DEFAULT 0; -- calls at once; 0: any number
