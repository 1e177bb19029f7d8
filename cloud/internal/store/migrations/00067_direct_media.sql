-- +goose Up
ALTER TABLE sites ADD COLUMN direct_media BOOLEAN NOT NULL DEFAULT FALSE; -- two phones of one switch may exchange media directly
