-- What this node holds. The bytes of an item lie in one file; here is everything else about it.

CREATE TABLE content_items (
  -- The order in which items came, never used twice: what "since when" means without a clock.
  sequence       INTEGER PRIMARY KEY AUTOINCREMENT,
  -- CIDv1 in base32; also the name of the file.
  root_cid       TEXT    NOT NULL UNIQUE,
  name           TEXT    NOT NULL,
  size_bytes     INTEGER NOT NULL CHECK (size_bytes >= 0),
  -- A media type, guessed from the name.
  kind           TEXT    NOT NULL,
  visibility     TEXT    NOT NULL CHECK (visibility IN ('private', 'public')),
  -- Milliseconds since 1970 as the wall clock had it: for people only, a Pi's clock may be wrong.
  added_at_ms    INTEGER NOT NULL,
  -- Bytes of all blocks as sections of a CAR with duplicates, without its header.
  car_body_bytes INTEGER NOT NULL CHECK (car_body_bytes >= size_bytes)
) STRICT;

-- The tree above the leaves: dag-pb blocks, by the sha2-256 of their bytes.
CREATE TABLE content_nodes (
  digest   BLOB    NOT NULL CHECK (length(digest) = 32),
  sequence INTEGER NOT NULL REFERENCES content_items (sequence) ON DELETE CASCADE,
  bytes    BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX content_nodes_by_digest ON content_nodes (digest, sequence);
CREATE INDEX content_nodes_by_item ON content_nodes (sequence);

-- Where each distinct leaf (a raw block) lies in the file of its item, the first time it occurs.
CREATE TABLE content_leaves (
  digest       BLOB    NOT NULL CHECK (length(digest) = 32),
  sequence     INTEGER NOT NULL REFERENCES content_items (sequence) ON DELETE CASCADE,
  offset_bytes INTEGER NOT NULL CHECK (offset_bytes >= 0),
  size_bytes   INTEGER NOT NULL CHECK (size_bytes >= 0),
  PRIMARY KEY (digest, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX content_leaves_by_item ON content_leaves (sequence);
