// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every bound of the demo, with its unit and reason. */

/** A node answers within 2 s alone; six start at once, perhaps on two slow cores. */
export const NODE_START_MS_MAX = 60_000
/** Beacons go out at once, the weak radio may lose some: after this we show what there is. */
export const MEETING_MS_MAX = 25_000
/** A node stops each of its services within 5 s; after this it is ended. */
export const NODE_STOP_MS_MAX = 8_000
/** A killed process is gone as soon as the kernel gets to it. */
export const KILL_MS_MAX = 5_000
/** How often something is looked at that nobody tells of. */
export const POLL_MS = 100
/** `ip` and its like answer at once; a machine that cannot is not waited for. */
export const COMMAND_MS_MAX = 10_000
/** The same signal within this is npm's repetition of the key, and no second wish. */
export const SIGNAL_REPEAT_MS = 1_000
/** Ports that we try first, so that the address is the same from one demo to the next. */
export const STATUS_PORT_FIRST = 7601
export const GATEWAY_PORT_FIRST = 7611
export const NETWORK_PORT_FIRST = 7621
/** Of a node's log that is shown when it ended by itself, lines. */
export const LAST_WORDS_LINES = 5
/** What `tbf` may send at once, bytes: more than one jumbo frame. */
export const BURST_BYTES = 32_768
