// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Must be imported before any schema is made. zod would try whether it may compile code, and the
 * page's policy answers each try with a line in the console: it may not.
 */
import { z } from 'zod'

z.config({ jitless: true })
