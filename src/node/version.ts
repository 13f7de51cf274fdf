// SPDX-License-Identifier: AGPL-3.0-or-later
/** The version of this program, as nodes tell each other; the same as in package.json (tested). */
export const VERSION = '0.1.0'

/**
 * When this version was made, in seconds since 1970: nothing happens before that, whatever the clock of
 * a machine says. Written by hand with each release, so that two builds of one source are the same.
 */
export const MADE_AT_SECONDS = Date.UTC(2026, 10, 24) / 1000
