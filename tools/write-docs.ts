// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Writes the pages of docs/ that come from code: `npm run docs`. With `--check` it writes nothing
 * and fails when a page is not what the code says (a test does that).
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { renderApiDocs } from '../src/api/api.ts'
import { renderConfigDocs } from '../src/node/config-docs.ts'

const pages: Readonly<Record<string, () => string>> = {
  'docs/API.md': renderApiDocs,
  'docs/CONFIG.md': renderConfigDocs,
}

function currentText(path: URL): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // A page that is not there yet is a page that differs.
    return undefined
  }
}

const isCheck = process.argv.includes('--check')
for (const [name, render] of Object.entries(pages)) {
  const path = new URL(`../${name}`, import.meta.url)
  const text = render()
  if (currentText(path) === text) continue
  if (isCheck) {
    console.error(`${name} is not what the code says: run \`npm run docs\` and commit the page.`)
    process.exitCode = 1
  } else {
    writeFileSync(path, text)
    console.log(`wrote ${fileURLToPath(path)}`)
  }
}
