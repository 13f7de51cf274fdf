// SPDX-License-Identifier: AGPL-3.0-or-later
/** The places of the page, and the dialogs that open over them. */
export * from './add.tsx'
export * from './settings.tsx'
export * from './view.tsx'
