// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the page knows, how it comes to know it, and where the person is. Draws nothing. */
export * from './addresses.ts'
export * from './follow.ts'
export * from './jobs.ts'
export * from './owner.ts'
export * from './picture.ts'
export * from './reduce.ts'
export * from './routes.ts'
export * from './session.ts'
export * from './store.ts'
