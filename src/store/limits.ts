// SPDX-License-Identifier: AGPL-3.0-or-later
/** What bounds the database. */

/** Page cache of the database, in KiB: a node of 1 GB has other uses for its RAM. */
export const DATABASE_CACHE_KIB = 4 * 1024

/** The write-ahead log is cut back to this after a checkpoint; one large transaction may exceed it. */
export const WAL_BYTES_KEPT_MAX = 8 * 1024 * 1024

/** More than the digits of any process id, so that a strange file is not read whole. */
export const PID_FILE_BYTES_MAX = 32
