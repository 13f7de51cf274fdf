// SPDX-License-Identifier: AGPL-3.0-or-later
/** What this node holds: blocks on the disk, and the tables that say what and where. */
export type { Place } from './block-index.ts'
export { BlockStore, type BlockStoreDeps, type BlockStoreOptions } from './block-store.ts'
export type { StoredItem } from './catalogue.ts'
export { type Disk, type DiskFile, type FileFacts, machineDisk } from './disk.ts'
export type { FileIntake, Intake } from './intake.ts'
export type { Arrived, ItemChanges } from './item-records.ts'
export type { PageOf, PageQuestion } from './items-page.ts'
export type { PartialBody } from './partial-body.ts'
export type { RecoveryReport } from './recovery.ts'
export { scanSections, sectionHead } from './sections.ts'
export type { IndexDatabase } from './statements.ts'
