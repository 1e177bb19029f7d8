-- +goose Up
-- What was asked for once: it is noted in the transaction of the change that it made, and its reply is kept behind it.
CREATE TABLE replies (
    key     BYTEA PRIMARY KEY, -- hash of who asked what
    request BYTEA NOT NULL,    -- hash of the body
    at      BIGINT NOT NULL,
    wrapped BYTEA NOT NULL     -- the reply; empty: it was not kept
);
CREATE INDEX replies_at ON replies (at);
