-- The index of what lies in packs, bodies and manifests. All of it can be made anew from those; so a
-- commit here need not reach the disk before an answer is given.

-- Items of the first layout, which was never released: their files are adopted at the next start.
DROP TABLE content_leaves;
DROP TABLE content_nodes;
DROP TABLE content_items;

CREATE TABLE content_items (
  -- The order in which items came, never used twice: what "since when" means without a clock.
  sequence       INTEGER PRIMARY KEY AUTOINCREMENT,
  -- CIDv1 in base32; of an item that is being added, whose CID is not known yet, a name of our own.
  root_cid       TEXT    NOT NULL UNIQUE,
  -- arriving: not all of it is here yet; damaged: not all of it is here any more.
  state          TEXT    NOT NULL CHECK (state IN ('arriving', 'whole', 'damaged')),
  -- Number of the last record about it in the packs.
  revision       INTEGER NOT NULL,
  shape          TEXT    NOT NULL CHECK (shape IN ('file', 'folder', 'symlink')),
  name           TEXT    NOT NULL,
  title          TEXT    NOT NULL,
  -- A media type, guessed from the name unless somebody said better.
  kind           TEXT    NOT NULL,
  language       TEXT    NOT NULL,
  description    TEXT    NOT NULL,
  licence        TEXT    NOT NULL,
  -- Of all files below it.
  size_bytes     INTEGER NOT NULL CHECK (size_bytes >= 0),
  -- Bytes of all blocks as sections of a CAR with duplicates, without its header.
  car_body_bytes INTEGER NOT NULL CHECK (car_body_bytes >= 0),
  visibility     TEXT    NOT NULL CHECK (visibility IN ('private', 'public')),
  origin         TEXT    NOT NULL CHECK (origin IN ('added', 'fetched')),
  -- The owner wants it kept whatever else needs room.
  is_kept        INTEGER NOT NULL CHECK (is_kept IN (0, 1)),
  -- Milliseconds since 1970 as the wall clock had it: for people only, a Pi's clock may be wrong.
  added_at_ms    INTEGER NOT NULL,
  -- What the publisher signed about it.
  publication    BLOB,
  -- Rises with every use of any item: the order in which items were last wanted.
  last_use       INTEGER NOT NULL
) STRICT;

-- Few among many, and asked for often.
CREATE INDEX content_items_arriving ON content_items (sequence) WHERE state = 'arriving';
CREATE INDEX content_items_damaged ON content_items (sequence) WHERE state = 'damaged';
-- What may go to make room, in the order in which it goes.
CREATE INDEX content_items_evictable ON content_items (last_use)
  WHERE origin = 'fetched' AND is_kept = 0;

-- Files in which blocks lie.
CREATE TABLE content_volumes (
  volume         INTEGER PRIMARY KEY AUTOINCREMENT,
  -- pack: many small blocks; body: the bytes of one file; manifest: the tree nodes of one file;
  -- reference: a file of the owner's, outside of the store.
  kind           TEXT    NOT NULL CHECK (kind IN ('pack', 'body', 'manifest', 'reference')),
  -- A pack's number; else the CID of the file, of a reference with its path.
  name           TEXT    NOT NULL,
  -- Of a body or reference: what the whole file has.
  size_bytes     INTEGER NOT NULL CHECK (size_bytes >= 0),
  -- Of a reference: where it is, and when it was last changed.
  path           TEXT,
  modified_at_ms REAL,
  UNIQUE (kind, name)
) STRICT;

-- Every block that is whole and right, wherever it lies; one that lies in two places has two rows.
CREATE TABLE content_blocks (
  -- Never used twice: whoever still has the number of a block that is gone must not find another.
  block          INTEGER PRIMARY KEY AUTOINCREMENT,
  digest         BLOB    NOT NULL CHECK (length(digest) = 32),
  -- The first 48 bits of the digest: an index over those is a third of one over all.
  digest_key     INTEGER NOT NULL,
  volume         INTEGER NOT NULL REFERENCES content_volumes (volume),
  offset_bytes   INTEGER NOT NULL CHECK (offset_bytes >= 0),
  size_bytes     INTEGER NOT NULL CHECK (size_bytes >= 0)
) STRICT;
CREATE INDEX content_blocks_by_digest ON content_blocks (digest_key);
CREATE INDEX content_blocks_by_volume ON content_blocks (volume, offset_bytes);

-- Which blocks an item is made of.
CREATE TABLE content_members (
  item           INTEGER NOT NULL,
  block          INTEGER NOT NULL,
  PRIMARY KEY (item, block)
) STRICT, WITHOUT ROWID;
CREATE INDEX content_members_by_block ON content_members (block);

-- Up to where the packs are known here, and which block was last checked for bit rot; one row, none in
-- a new index.
CREATE TABLE content_position (
  only_row       INTEGER PRIMARY KEY CHECK (only_row = 1),
  pack           INTEGER NOT NULL,
  offset_bytes   INTEGER NOT NULL,
  revision       INTEGER NOT NULL,
  scrubbed_block INTEGER NOT NULL DEFAULT 0
) STRICT;
