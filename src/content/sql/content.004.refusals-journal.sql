-- Up to where the journal of refusals is known to the tables of content_refused and
-- content_publications, which can be made anew from it; one row, none in a new database.
CREATE TABLE content_refusals_position (
  only_row     INTEGER PRIMARY KEY CHECK (only_row = 1),
  -- Of the file: every time it is written anew it has a higher one.
  generation   INTEGER NOT NULL,
  offset_bytes INTEGER NOT NULL
) STRICT;
