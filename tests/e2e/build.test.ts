// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the built program must be like to be small: looked at, not run. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'

const ROOT = dirname(dirname(import.meta.dirname))
let folder = ''

beforeAll(() => {
  const build = join(ROOT, 'tools', 'build.mjs')
  folder = execFileSync(process.execPath, [build], { encoding: 'utf8' }).trim()
})

/**
 * One letter beyond ASCII, and V8 keeps all of the source in two bytes a letter: 2.5 MB more for as
 * long as the node runs. esbuild escapes them everywhere but in a tagged template: write an HTML
 * entity there, or take the text from messages.ts.
 */
test('the source takes one byte a letter', () => {
  const source = readFileSync(join(folder, 'app.mjs'), 'utf8')
  const strange = [...source.matchAll(/[^\0-\x7f]/g)].map(({ index }) =>
    source.slice(Math.max(0, index - 40), index + 40),
  )
  expect(strange).toEqual([])
})

test('the licence notices of what is in it lie beside it', () => {
  const notices = readFileSync(join(folder, 'app.mjs.LEGAL.txt'), 'utf8')
  expect(notices).toContain('MIT')
})
