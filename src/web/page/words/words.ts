// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every word of the page, in three languages, and figures as each writes them. */
export * from './catalogue.ts'
export * from './figures.ts'
export * from './shape.ts'
export * from './speak.ts'
