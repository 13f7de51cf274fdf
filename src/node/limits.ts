// SPDX-License-Identifier: AGPL-3.0-or-later
/** What bounds the start of a node. */

/** A configuration file of hundreds of nodes and ranges has 50 kB; a larger one is a mistake. */
export const CONFIG_FILE_BYTES_MAX = 1024 * 1024

/** How much of a wrong value is shown back, in characters: enough to recognise it. */
export const CONFIG_VALUE_SHOWN_CHARACTERS_MAX = 60

/** How many slips of the keyboard still make a suggestion. */
export const SUGGESTION_EDITS_MAX = 3

/** As for the configuration: what is larger is not settings, and a backup stays small. */
export const SETTINGS_FILE_BYTES_MAX = CONFIG_FILE_BYTES_MAX

/** Bytes of the permissions beside one key: some hundreds, of 500 characters each. */
export const HELD_FILE_BYTES_MAX = 512 * 1024

/** Bytes of chance in a signed request: two that ask the same are two. */
export const SIGNED_CHANCE_BYTES = 12
