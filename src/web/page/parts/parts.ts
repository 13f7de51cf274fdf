// SPDX-License-Identifier: AGPL-3.0-or-later
/** The one set of components that every view is made of. */
export * from './badges.tsx'
export * from './buttons.tsx'
export * from './context.ts'
export * from './dialog.tsx'
export * from './icons.tsx'
export * from './names.tsx'
export * from './progress.tsx'
export * from './qr.tsx'
export * from './sketch.tsx'
export * from './states.tsx'
export * from './strip.tsx'
