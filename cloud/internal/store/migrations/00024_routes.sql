-- +goose Up
-- Which trunks take the calls to some numbers.
CREATE TABLE routes (
    id         TEXT PRIMARY KEY,
    org        TEXT NOT NULL REFERENCES organizations (id),
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    prefix     TEXT NOT NULL,
    trunks     TEXT NOT NULL, -- JSON: ids, in the order in which they are tried
    days       TEXT NOT NULL, -- "mon-fri"
    hours      TEXT NOT NULL, -- "08:00-18:00"
    UNIQUE (org, prefix, days, hours)
);
