// SPDX-License-Identifier: AGPL-3.0-or-later
/** How much the page keeps, shows and waits for. */

/** Milliseconds for one question to the node: a Pi with a busy SD card answers in a few seconds. */
export const ANSWER_MS_MAX = 20_000

/** Milliseconds without a sign of life on the stream of events; the node gives one each 15 s. */
export const SILENCE_MS_MAX = 40_000

/** Milliseconds before the first new try: a node that was restarted is back within seconds. */
export const RETRY_MS_FIRST = 1_000

/** Milliseconds between tries at most: somebody who looks at the page soon sees it come back. */
export const RETRY_MS_MAX = 30_000

/** Milliseconds that the node may be away before the page says so: a restart is no news. */
export const AWAY_MS_UNTOLD = 1_500

/** Milliseconds between two drawings: a thousand events a second are drawn ten times. */
export const DRAW_GAP_MS = 100

/** Milliseconds that the picture is held back while the page is hidden: nobody looks. */
export const HIDDEN_RENDER_MS = 1_000

/** Happenings that are kept, as many as the node keeps itself. */
export const HAPPENINGS_MAX = 500

/** Rows of a list before "show more". */
export const ROWS_SHOWN = 40

/** Links of a kind before "show more": each has drawings that are renewed. */
export const LINKS_SHOWN = 12

/** Samples of a link that are kept: ten minutes, at five seconds each, and then some. */
export const SAMPLES_MAX = 240

/** Items that are read at a time. */
export const ITEMS_PAGE = 40

/** Items that are listed in all; whoever looks for another searches. */
export const ITEMS_SHOWN_MAX = 400

/** Items of which is remembered how they became; one of them may be on the screen. */
export const CHANGED_ITEMS_MAX = 32

/** Milliseconds between two readings of the list because items came: a flood costs two a second. */
export const ITEMS_REREAD_MS = 500

/** Milliseconds after the last key before a search is asked for. */
export const SEARCH_PAUSE_MS = 250

/** Transfers that are kept, running ones aside. */
export const TRANSFERS_MAX = 50

/** Files in one addition: more are a folder, which the command line adds as one. */
export const FILES_MAX = 200

/** Bytes of a text that are shown in place. */
export const TEXT_BYTES_MAX = 1024 * 1024

/** Entries of a folder that are listed. */
export const ENTRIES_MAX = 2_000

/** Characters of a name or title in a line. */
export const NAME_LENGTH_MAX = 120

/** Characters of a description or of a sentence that the node says. */
export const TEXT_LENGTH_MAX = 2_000

/** Characters of what is pasted as an owner's token or link. */
export const TOKEN_LENGTH_MAX = 512

/** Milliseconds that a notice, such as "copied", stays. */
export const NOTICE_MS = 5_000
