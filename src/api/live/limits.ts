// SPDX-License-Identifier: AGPL-3.0-or-later
/** What watching a node may cost it: every bound of this folder, with its unit and reason. */

/** Guests who listen at once: the phones of a household or a small café; each costs some 30 KB. */
export const GUEST_LISTENERS_MAX = 32

/** Of one address: a few tabs and devices behind one router, and nobody takes all places. */
export const LISTENERS_PER_ADDRESS_MAX = 8

/** The owner's listeners at once, counted apart, so that guests never shut the owner out. */
export const OWNER_LISTENERS_MAX = 16

/** Bytes of events that a connection takes in advance; the rest waits as the latest of each kind. */
export const BUFFERED_BYTES_MAX = 16 * 1024

/** Bytes of one event: readers may hold a line of 256 KiB (`LINE_BYTES_MAX` of the contract). */
export const EVENT_BYTES_MAX = 128 * 1024

/** Without any event for so many milliseconds a comment is sent: proxies give up after 30 s. */
export const KEEP_ALIVE_MS = 15_000

/** After how many milliseconds a browser asks again, when the connection broke. */
export const RETRY_MS = 3_000

/** At most one event of items, and one of transfers, in so many milliseconds: four a second. */
export const CHANGES_GAP_MS = 250

/** At most one event of the status in so many milliseconds. */
export const STATUS_GAP_MS = 1_000

/** Items told in one event; whoever hears of more reads the list again. */
export const ITEMS_TOLD_MAX = 100

/** Transfers in one event: at 2 KB each, far below what a reader may hold; more take several. */
export const TRANSFERS_TOLD_MAX = 32

/** Between two readings of the machine while somebody listens, in milliseconds. */
export const VITALS_GAP_MS = 5_000

/** Between two looks at what is wrong, in milliseconds; a look costs some 20 µs. */
export const HEALTH_GAP_MS = 5_000

/** Happenings kept: a busy day, at some 400 bytes each. */
export const HAPPENINGS_MAX = 500

/** Characters of a name in a happening: a line on a phone. */
export const HAPPENING_NAME_LENGTH_MAX = 80

/** Transfers kept after they ended. */
export const ENDED_TRANSFERS_MAX = 50

/** Over how many milliseconds at least a transfer's rate is measured. */
export const RATE_STEP_MS = 1_000
