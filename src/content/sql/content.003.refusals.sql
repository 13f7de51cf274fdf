-- What this node refuses: what its owner blocked, what deny lists name, what publishers withdrew.

CREATE TABLE content_refused (
  -- The whole multihash: every CID of the same bytes is meant, whatever its version and codec.
  multihash   BLOB    NOT NULL PRIMARY KEY,
  -- The CID as the owner wrote it, for the owner's list.
  cid         TEXT    NOT NULL,
  kind        TEXT    NOT NULL CHECK (kind IN ('blocked', 'legal', 'forgotten')),
  -- A note of the owner; shown to nobody else.
  reason      TEXT    NOT NULL,
  -- Milliseconds since 1970 as the wall clock had it: for people only, a Pi's clock may be wrong.
  since_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A deny list as it was read once. The rules of a version that is not in force are on their way in
-- or out, and a start removes them.
CREATE TABLE content_denylists (
  version        INTEGER PRIMARY KEY AUTOINCREMENT,
  path           TEXT    NOT NULL,
  is_in_force    INTEGER NOT NULL CHECK (is_in_force IN (0, 1)),
  -- Of the file: with these two a look tells whether it has changed.
  size_bytes     INTEGER NOT NULL,
  modified_at_ms REAL    NOT NULL,
  -- As the list calls itself; may be empty.
  name           TEXT    NOT NULL,
  rules_count    INTEGER NOT NULL,
  -- Lines that could not be understood.
  problems_count INTEGER NOT NULL,
  -- Multicodec numbers of the hash functions in its rules, with spaces between.
  hash_codes     TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX content_denylists_in_force ON content_denylists (path) WHERE is_in_force = 1;

-- The last rule of a list for one name. 26 bytes a rule when it is filled in the order of keys.
CREATE TABLE content_denylist_rules (
  version INTEGER NOT NULL,
  -- The first 12 bytes of the double hash: nothing can be read back out of it.
  key     BLOB    NOT NULL CHECK (length(key) = 12),
  -- The line in the file; below zero for an exception (`!`).
  line    INTEGER NOT NULL,
  PRIMARY KEY (version, key)
) STRICT, WITHOUT ROWID;

-- Rules for all paths below a CID that begin in a certain way (`/ipfs/CID/path*`).
CREATE TABLE content_denylist_beginnings (
  version   INTEGER NOT NULL,
  -- As above, of the CID alone.
  key       BLOB    NOT NULL CHECK (length(key) = 12),
  line      INTEGER NOT NULL,
  -- May be empty: then every path begins so.
  beginning TEXT    NOT NULL,
  PRIMARY KEY (version, key, line)
) STRICT, WITHOUT ROWID;

-- Under whose signature an item came here, and whether the same key has withdrawn it since.
CREATE TABLE content_publications (
  -- The order in which they came; the oldest go first when there are too many.
  id                   INTEGER PRIMARY KEY AUTOINCREMENT,
  -- The multihash of the root. One publication a root: the first that came with the item.
  root                 BLOB    NOT NULL UNIQUE,
  publisher            TEXT    NOT NULL,
  publication          BLOB    NOT NULL,
  publication_sequence INTEGER NOT NULL,
  withdrawal           BLOB,
  withdrawal_sequence  INTEGER,
  -- 1: the item was public here, so others may be told of its withdrawal.
  is_shared            INTEGER NOT NULL CHECK (is_shared IN (0, 1))
) STRICT;
