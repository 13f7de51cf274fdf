// SPDX-License-Identifier: AGPL-3.0-or-later
/** The version of this program, as nodes tell each other; the same as in package.json (tested). */
export const VERSION = '0.1.0'
