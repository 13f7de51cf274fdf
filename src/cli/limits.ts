// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the command line puts up with. */

/** A progress bar is drawn at most once in so many milliseconds. */
export const BAR_GAP_MS = 100

/** Characters of a progress bar itself. */
export const BAR_WIDTH = 24

/** The rate is that of the last so many milliseconds or so: it follows, but does not flicker. */
export const RATE_WINDOW_MS = 3_000

/** Bytes read from a file at once: few turns of the loop, little memory. */
export const READ_CHUNK_BYTES = 256 * 1024

/** Things left out of a folder that are named one by one; `--json` has more of them. */
export const SKIPPED_NAMED_MAX = 20

/** Files of a folder that wait for the disk together. */
export const SYNCS_MAX = 32

/** Characters of a name or version in a table; `--json` has all of them. */
export const CELL_LENGTH_MAX = 60

/** Columns of a terminal that does not tell. */
export const COLUMNS_USUAL = 80

/** Bytes of one part of an export at least: the largest block, and the list of what is in it. */
export const PART_BYTES_MIN = 3 * 1024 * 1024

/** Bytes of an archive that are sent at once: headers and small files share a piece. */
export const TAR_PIECE_BYTES = 256 * 1024

/** Names of a folder that are read ahead; a folder of a million is never held whole. */
export const FOLDER_NAMES_AHEAD = 64

/** Characters of a new passphrase at least: fewer are guessed, scrypt or not. */
export const PASSPHRASE_CHARACTERS_MIN = 12

/** Bytes of a passphrase at most, from wherever it comes: a larger file is the wrong one. */
export const PASSPHRASE_BYTES_MAX = 1_024

/** Bytes of a backup at most; what is larger is another file. */
export const BACKUP_FILE_BYTES_MAX = 8 * 1024 * 1024

/** Bytes of piped recovery words at most: 24 words, numbered and on lines, have 350. */
export const WORDS_BYTES_MAX = 4_096

/** Bytes of a request's body that wait in memory to be signed; what is larger waits in a file. */
export const SPOOL_MEMORY_BYTES = 4 * 1024 * 1024

/** Bytes of a permission as text: eight tokens of the largest size. */
export const PERMISSION_BYTES_MAX = 96 * 1024
