// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { formatProblems, parseConfig } from '../../src/node/config.ts'
import { renderConfigDocs } from '../../src/node/config-docs.ts'

describe('docs/CONFIG.md', () => {
  it('is what the schema says (else: npm run docs)', async () => {
    const page = await readFile(new URL('../../docs/CONFIG.md', import.meta.url), 'utf8')
    expect(page).toBe(renderConfigDocs())
  })

  it('shows examples that are a valid configuration together', () => {
    const blocks = [...renderConfigDocs().matchAll(/```toml\n(.*?)```/gs)].map(([, block]) => block)
    expect(blocks.length).toBeGreaterThan(4)
    const result = parseConfig(blocks.join('\n'))
    expect('problems' in result ? formatProblems(result.problems) : '').toBe('')
  })

  it('describes every setting', () => {
    const rows = renderConfigDocs()
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    expect(rows.length).toBeGreaterThan(20)
    for (const row of rows) expect(row).toMatch(/\| [^|]{10,}( \\\|[^|]*)* \|$/)
  })
})
