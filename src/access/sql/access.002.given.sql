-- Permissions that this node gave, for its owner to look at and to take back. What they allow stands in
-- the token; whether they were taken back, in access_revocations.
CREATE TABLE access_given (
  -- CIDv1 of the delegation, in base32.
  delegation_cid TEXT    NOT NULL PRIMARY KEY,
  -- The delegation itself.
  token          BLOB    NOT NULL,
  -- As the owner calls the holder; may be empty.
  name           TEXT    NOT NULL,
  -- Bytes of one request at most, as the policy of the token says; null: no such bound.
  bytes_max      INTEGER,
  -- Seconds since 1970 by the clock of the machine, which may be wrong.
  given_at_s     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
