-- +goose Up
ALTER TABLE trunks ADD COLUMN transport TEXT NOT NULL DEFAULT 'udp';
ALTER TABLE trunks ADD COLUMN tls_ca TEXT NOT NULL DEFAULT ''; -- PEM; empty: what the switch's system trusts
