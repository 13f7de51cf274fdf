// SPDX-License-Identifier: AGPL-3.0-or-later
/** What is called how in the data folder, where more than one file of this room must know. */

export const CONFIG_FILE_NAME = 'citynode.toml'

export const DATABASE_NAME = 'citynode.db'
