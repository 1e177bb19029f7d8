-- +goose Up
-- Queues that numbers lead to: several users who answer.
CREATE TABLE queues (
    id                   TEXT PRIMARY KEY,
    org                  TEXT NOT NULL REFERENCES organizations (id),
    version              BIGINT NOT NULL,
    created_at           BIGINT NOT NULL,
    updated_at           BIGINT NOT NULL,
    name                 TEXT NOT NULL,
    switch               TEXT NOT NULL REFERENCES switches (id),
    enabled              BOOLEAN NOT NULL,
    members              TEXT NOT NULL, -- JSON: ids of users, in the order in which they ring
    ring                 TEXT NOT NULL, -- all, order, idle
    step_seconds         BIGINT NOT NULL,
    ring_seconds         BIGINT NOT NULL,
    priority             BIGINT NOT NULL,
    dnd                  BOOLEAN NOT NULL,
    dnd_words            TEXT NOT NULL,
    dnd_priority         BIGINT NOT NULL,
    fallback_no_answer   TEXT NOT NULL,
    fallback_busy        TEXT NOT NULL,
    fallback_dnd         TEXT NOT NULL,
    fallback_unreachable TEXT NOT NULL,
    queue_length         BIGINT NOT NULL,
    queue_seconds        BIGINT NOT NULL,
    queue_language       TEXT NOT NULL,
    fallback_queue_full  TEXT NOT NULL,
    fallback_queue_time  TEXT NOT NULL,
    UNIQUE (org, name)
);
-- A number leads to a user or to a queue. SQLite cannot make a column of a table nullable: it is written anew.
CREATE TABLE numbers_anew (
    id            TEXT PRIMARY KEY,
    org           TEXT NOT NULL REFERENCES organizations (id),
    version       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    site          TEXT REFERENCES sites (id),
    digits        TEXT NOT NULL,
    dial          TEXT NOT NULL, -- site code + digits: what the whole organization dials
    user_id       TEXT REFERENCES users (id),
    queue_id      TEXT REFERENCES queues (id),
    queue_length  BIGINT NOT NULL DEFAULT 0, -- 0: as of the user, -1: nobody waits
    queue_seconds BIGINT NOT NULL DEFAULT 0
);
INSERT INTO numbers_anew (id, org, version, created_at, updated_at, site, digits, dial, user_id, queue_length, queue_seconds)
    SELECT id, org, version, created_at, updated_at, site, digits, dial, user_id, queue_length, queue_seconds FROM numbers;
DROP TABLE numbers;
ALTER TABLE numbers_anew RENAME TO numbers;
CREATE INDEX numbers_dial ON numbers (org, dial);
CREATE INDEX numbers_org ON numbers (org, id);
CREATE INDEX numbers_site ON numbers (site);
CREATE INDEX numbers_user ON numbers (user_id);
CREATE INDEX numbers_queue ON numbers (queue_id);
