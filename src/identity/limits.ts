// SPDX-License-Identifier: AGPL-3.0-or-later
/** What bounds the identity. */

/** More than any private key in PEM needs (RSA 4096 has 3.3 kB): a larger file is something else. */
export const KEY_FILE_BYTES_MAX = 16 * 1024

/** An Ed25519 seed (RFC 8032), and the entropy of 24 words (BIP39). */
export const SEED_BYTES = 32

/** Characters looked at for recovery words: 24 of them, numbered and on lines, have 350. */
export const WORDS_TEXT_CHARACTERS_MAX = 4_096

/** Words looked up: more than twice as many as there should be are another text. */
export const WORDS_READ_MAX = 64

/** Two slips still name a word; with three most of the list is near. */
export const WORD_EDITS_MAX = 2

/** How many nearest words are offered: what fits into a line. */
export const WORD_SUGGESTIONS_MAX = 3

/** How much of an unknown word is shown back, in characters: the longest that exists has 8. */
export const WORD_SHOWN_CHARACTERS_MAX = 20

/**
 * scrypt's cost when a backup is made, as a power of two: 128 MiB for a moment, which a board of
 * 512 MB can spare, and 0.3 s on a PC. Each guess at the passphrase costs a thief the same.
 */
export const SCRYPT_LOG_N = 17

/** scrypt's highest cost that is read: 256 MiB, what `age -p` itself writes. More is damage or malice. */
export const SCRYPT_LOG_N_MAX = 18

/** A backup holds a key and settings of a MiB at most each; a larger file is something else. */
export const BACKUP_BYTES_MAX = 8 * 1024 * 1024

/** The whole head of a backup has 150 bytes; another kind of age file may have more. */
export const BACKUP_HEAD_BYTES_MAX = 1_024
