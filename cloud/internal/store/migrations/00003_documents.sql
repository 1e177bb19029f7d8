-- +goose Up
-- Signed documents as nodes fetch them: in pieces, the same from every cloud instance.
CREATE TABLE document_pieces (
    org     TEXT NOT NULL,
    name    TEXT NOT NULL, -- kind/site
    version BIGINT NOT NULL,
    no      BIGINT NOT NULL, -- from 0
    pieces  BIGINT NOT NULL, -- of this version
    text    TEXT NOT NULL,
    PRIMARY KEY (org, name, version, no)
);
