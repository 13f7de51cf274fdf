-- Permissions that were taken back, each with the notice that proves it. Never forgotten before the
-- permission would have ended.
CREATE TABLE access_revocations (
  -- CIDv1 of the delegation, in base32.
  delegation_cid TEXT    NOT NULL,
  -- PeerId of who took it back.
  revoker        TEXT    NOT NULL,
  -- PeerId of whose things it was about.
  subject        TEXT    NOT NULL,
  -- subject: by whose things it was about; delegate: by somebody it was passed on by; relayed: it
  -- counts on other nodes only and is kept to be passed on.
  class          TEXT    NOT NULL CHECK (class IN ('subject', 'delegate', 'relayed')),
  -- Last second, since 1970, in which the delegation would have held; null: for ever.
  expires_s      INTEGER,
  -- The name of this row in digests.
  short_id       BLOB    NOT NULL CHECK (length(short_id) = 8),
  -- As it came, and as it is passed on.
  notice         BLOB    NOT NULL,
  UNIQUE (delegation_cid, revoker)
) STRICT;
CREATE INDEX access_revocations_by_end ON access_revocations (expires_s) WHERE expires_s IS NOT NULL;
CREATE INDEX access_revocations_by_short_id ON access_revocations (short_id);

-- Who took back so much that all they passed on counts as taken back.
CREATE TABLE access_muted (
  revoker TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- A moment that has certainly passed. One row.
CREATE TABLE access_time (
  only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
  bound_s  INTEGER NOT NULL
) STRICT;
