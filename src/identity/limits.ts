// SPDX-License-Identifier: AGPL-3.0-or-later
/** What bounds the identity. */

/** More than any private key in PEM needs (RSA 4096 has 3.3 kB): a larger file is something else. */
export const KEY_FILE_BYTES_MAX = 16 * 1024
