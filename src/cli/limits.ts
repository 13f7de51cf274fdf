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

/** Characters of a name or version in a table; `--json` has all of them. */
export const CELL_LENGTH_MAX = 60

/** Columns of a terminal that does not tell. */
export const COLUMNS_USUAL = 80

/** Bytes of an archive that are sent at once: headers and small files share a piece. */
export const TAR_PIECE_BYTES = 256 * 1024

/** Names of a folder that are read ahead; a folder of a million is never held whole. */
export const FOLDER_NAMES_AHEAD = 64
