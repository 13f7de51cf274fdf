-- Why an item is damaged: a file of it lies where its owner has it, and is another one now, or gone. Then
-- it is no fault of the disk.
ALTER TABLE content_items
  ADD COLUMN is_changed INTEGER NOT NULL DEFAULT 0 CHECK (is_changed IN (0, 1));
