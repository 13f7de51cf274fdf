// SPDX-License-Identifier: AGPL-3.0-or-later
/** What this node holds: bytes on the disk, and the tables that say what and where. */
export * from './catalogue.ts'
export * from './disk.ts'
export * from './files.ts'
export * from './incoming-file.ts'
export * from './space.ts'
